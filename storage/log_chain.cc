// XXH3-64 over fixed words, so that payloads are not hashed twice.
#include "storage/log_chain.h"

#include <array>
#include <string>
#include <string_view>

#include "storage/codec/envelope.h"

namespace mixmatch {

uint64_t LinkOf(const ChainEnd& before, Seq seq, const storage::v1::LogRecord& record,
                const ContentHash& content) {
  std::array<uint64_t, 6> words = {before.seq,   before.link,
                                   seq,          static_cast<uint64_t>(record.ingest_time_ns()),
                                   content.high, content.low};
  if (!record.has_event()) {
    storage::v1::LogRecord bare = record;
    bare.clear_previous();
    bare.clear_link();
    words[4] = codec::Checksum(bare.SerializeAsString());
    words[5] = 0;
  }
  return codec::Checksum(std::string_view(reinterpret_cast<const char*>(words.data()),
                                          words.size() * sizeof(uint64_t)));
}

void Hang(Seq seq, const ContentHash& content, storage::v1::LogRecord& record, ChainEnd& end) {
  record.set_previous(end.seq);
  record.set_link(LinkOf(end, seq, record, content));
  end = {.seq = seq, .link = record.link()};
}

}  // namespace mixmatch
