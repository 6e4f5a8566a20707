// Values of the database as they may be found on a damaged disk: under their envelope, which a
// fuzzer cannot forge, and without it, as if the checksum had agreed. The first byte says of what.
#include "storage/codec/envelope.h"
#include "storage/codec/episode_codec.h"
#include "storage/codec/event_codec.h"
#include "storage/codec/features_codec.h"
#include "storage/codec/generation_codec.h"
#include "storage/codec/skill_codec.h"
#include "storage/records.pb.h"
#include "tests/fuzz/input.h"

namespace mixmatch::fuzz {
namespace {

template <typename Record>
bool Parse(const std::string& bytes, Record& record) {
  codec::Decode("fuzz", "key", bytes, record).IgnoreError();
  return record.ParseFromString(bytes);
}

void ReadEvent(const std::string& bytes, Input& input) {
  storage::v1::LogRecord log;
  storage::v1::EventRecord header;
  storage::v1::PayloadRecord payload;
  LogEntry entry;
  if (Parse(bytes, log)) codec::DecodeLogEntry(7, log, entry).IgnoreError();
  if (!Parse(bytes, header)) return;
  Event event;
  if (!codec::DecodeHeader(header, event).ok() || !codec::HasPayloadApart(header)) return;
  if (Parse(input.TakeRest(), payload)) codec::DecodePayload(header, payload, event).IgnoreError();
}

void Read(uint8_t what, const std::string& bytes, Input& input) {
  switch (what % 6) {
    case 0:
      return ReadEvent(bytes, input);
    case 1: {
      storage::v1::FeaturesRecord record;
      ModalityId modality{};
      Features features;
      if (Parse(bytes, record)) codec::DecodeFeatures(record, modality, features).IgnoreError();
      return;
    }
    case 2: {
      storage::v1::EpisodeRecord record;
      if (Parse(bytes, record)) codec::DecodeEpisode(3, record);
      return;
    }
    case 3: {
      storage::v1::SceneRecord record;
      if (Parse(bytes, record)) codec::DecodeScene(record);
      return;
    }
    case 4: {
      storage::v1::SkillRecord record;
      SkillSpec spec;
      if (Parse(bytes, record)) codec::DecodeSkill(1, record, spec).IgnoreError();
      return;
    }
    default: {
      storage::v1::GenerationRecordValue record;
      GenerationRecord generation;
      if (Parse(bytes, record)) codec::DecodeGeneration(1, record, generation).IgnoreError();
    }
  }
}

}  // namespace
}  // namespace mixmatch::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  mixmatch::fuzz::Input input(data, size);
  const auto what = input.Take<uint8_t>();
  const std::string bytes = input.TakeText(1 << 16);
  mixmatch::fuzz::Read(what, bytes, input);
  return 0;
}
