// The keys by which events are found: by time, scene, source, modality and metadata. Derived from
// the log.
#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/base/event.h"
#include "core/base/ids.h"
#include "storage/database_impl.h"

namespace mixmatch {

// The families that hold nothing else.
inline constexpr Family kSecondaryFamilies[] = {
    Family::kByTime, Family::kByScene, Family::kBySource, Family::kByModality, Family::kByMetadata};

// All keys of an event, whose percepts have the modalities `ids`. Their values are empty.
std::vector<std::pair<Family, std::string>> SecondaryKeysOf(Seq seq, const Event& event,
                                                            const std::set<ModalityId>& ids);

}  // namespace mixmatch
