// A token is nine numbers, the last a hash of all that the request asks for.
#include "server/recall_page.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <bit>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/base/status.h"
#include "storage/codec/envelope.h"

namespace mixmatch {
namespace {

uint64_t Fingerprint(v1::RecallRequest request) {
  request.clear_page_token();
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    request.SerializeToCodedStream(&coded);
  }
  return codec::Checksum(bytes);
}

}  // namespace

std::string ToToken(const RecallPage& page, const v1::RecallRequest& request) {
  const AnswerPlace last = page.last.value_or(AnswerPlace());
  return absl::StrCat(
      page.generation, "-", page.last_seq, "-", page.durable, "-", absl::ToUnixNanos(page.now), "-",
      page.given, "-", absl::Hex(std::bit_cast<uint32_t>(last.score)), "-",
      absl::Hex(last.item.value), "-", last.partition, "-", absl::Hex(Fingerprint(request)));
}

absl::StatusOr<RecallPage> PageOf(const v1::RecallRequest& request) {
  const std::vector<std::string> parts = absl::StrSplit(request.page_token(), '-');
  RecallPage page;
  int64_t now_ns = 0;
  uint64_t fingerprint = 0;
  uint32_t score = 0;
  AnswerPlace last;
  if (parts.size() != 9 || !absl::SimpleAtoi(parts[0], &page.generation) ||
      !absl::SimpleAtoi(parts[1], &page.last_seq) || !absl::SimpleAtoi(parts[2], &page.durable) ||
      !absl::SimpleAtoi(parts[3], &now_ns) || !absl::SimpleAtoi(parts[4], &page.given) ||
      !absl::SimpleHexAtoi(parts[5], &score) || !absl::SimpleHexAtoi(parts[6], &last.item.value) ||
      !absl::SimpleAtoi(parts[7], &last.partition) ||
      !absl::SimpleHexAtoi(parts[8], &fingerprint) || page.given == 0 || page.given >= kPagedMax) {
    return InvalidField("page_token",
                        "recall refused: page_token is not one that a page came with; start over");
  }
  if (fingerprint != Fingerprint(request)) {
    return InvalidField("page_token",
                        "recall refused: page_token is of another query; send the request that it "
                        "came from, unchanged but for page_token");
  }
  page.now = absl::FromUnixNanos(now_ns);
  last.score = std::bit_cast<float>(score);
  page.last = last;
  return page;
}

}  // namespace mixmatch
