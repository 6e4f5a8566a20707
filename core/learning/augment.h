// Augmentation: small changes to features that do not change what is perceived, so that a percept
// replayed a hundred times is never quite the same.
//
// Takes stored features; gives changed copies to core/learning/batch.h. Never touches what is
// stored or served.
#pragma once

#include "core/learning/random.h"
#include "core/senses/features.h"

namespace mixmatch {

// Returns a changed copy of the same kind, fit for the same stem:
//   image   shifted, turned, scaled and sheared a little; contrast and brightness
//   audio   stretched and shifted in time and pitch; a band and a moment silenced
//   series  noise, scaled and shifted a little
//   vector  noise
//   text    unchanged: a word is what it is
Features Augment(const Features& features, Random& random);

// The same, but text also loses some of its n-grams: for a second view of a percept, which would
// else be the first.
Features AugmentForView(const Features& features, Random& random);

}  // namespace mixmatch
