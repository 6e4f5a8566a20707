// Pages of recall: what must stay the same from one to the next, in a token.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/base/ids.h"
#include "mixmatch/v1/memory.pb.h"

namespace mixmatch {

// Recall gives no more than this many answers, all pages together.
inline constexpr size_t kPagedMax = 10'000;

// Where an answer stands among all: by score, then by item, then by partition.
struct AnswerPlace {
  float score = 0;
  ItemId item;
  ModalityId partition = 0;
};

// Where a page begins, and as of when it answers.
struct RecallPage {
  Generation generation = 0;
  Seq last_seq = 0;                 // events behind it do not answer
  Seq durable = 0;                  // what was stored then; of it, what is pending is told
  absl::Time now;                   // ages count up to here
  size_t given = 0;                 // answers on the pages before
  std::optional<AnswerPlace> last;  // of these
};

// Names the page to those who hold the same request. Not a secret, and no promise of a format.
std::string ToToken(const RecallPage& page, const v1::RecallRequest& request);
// Reads the request's token. INVALID_ARGUMENT when it is none, or of a request that asks for
// something else.
absl::StatusOr<RecallPage> PageOf(const v1::RecallRequest& request);

}  // namespace mixmatch
