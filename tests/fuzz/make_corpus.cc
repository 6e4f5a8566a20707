// Writes the seeds of the fuzz targets: make_corpus FOLDER. What a fuzzer cannot guess: records
// with something in them, a graph, files of media.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "core/base/event.h"
#include "storage/codec/envelope.h"
#include "storage/codec/event_codec.h"
#include "storage/index/lists.h"
#include "storage/records.pb.h"
#include "tests/core/media/encode.h"
#include "tests/core/media/files.h"

namespace mixmatch::fuzz {
namespace {

namespace fs = std::filesystem;

void Write(const fs::path& folder, const std::string& name, const std::string& bytes) {
  fs::create_directories(folder);
  std::ofstream(folder / name, std::ios::binary) << bytes;
}

template <typename Number>
std::string Bytes(Number number) {
  return {reinterpret_cast<const char*>(&number), sizeof(number)};
}

// As TakeText reads it.
std::string Text(const std::string& text) {
  return Bytes(static_cast<uint32_t>(text.size())) + text;
}

std::string Record(uint8_t what, const google::protobuf::MessageLite& record) {
  return Bytes(what) + Text(record.SerializeAsString());
}

void WriteRecords(const fs::path& folder) {
  Event event{.event_id = "e1",
              .time = absl::FromUnixSeconds(1'700'000'000),
              .source = "camera",
              .scene = "table",
              .position = Position{1, 2, 3},
              .percepts = {{"image", ImagePayload{.data = "pixels", .media_type = "image/png"}},
                           {"text", TextPayload{.text = "three"}},
                           {"pose", VectorPayload{.values = {1, 2, 3}}}},
              .metadata = {{"digit", "3"}}};
  storage::v1::EventRecord header;
  storage::v1::PayloadRecord payload;
  codec::EncodeEvent(event, header, payload);
  Write(folder, "event", Record(0, header) + payload.SerializeAsString());
  storage::v1::LogRecord log;
  *log.mutable_event() = header;
  Write(folder, "log", Record(0, log));
  storage::v1::FeaturesRecord features;
  features.set_modality_id(1);
  features.set_kind(static_cast<uint32_t>(PayloadKind::kVector));
  features.set_front_end_version(1);
  features.add_shape(2);
  features.set_data(std::string(8, '\1'));
  Write(folder, "features", Record(1, features));
  storage::v1::EpisodeRecord episode;
  episode.set_scene("table");
  episode.add_members()->set_seq(4);
  Write(folder, "episode", Record(2, episode));
}

// As event_fuzz.cc takes it.
void WriteEvent(const fs::path& folder) {
  const auto number = [](uint32_t value) { return Bytes(value); };
  Write(folder, "text",
        Text("e1") + Text("camera") + Text("table") + Bytes(int64_t{1'700'000'000'000'000'000}) +
            Bytes(int64_t{0}) + number(0) + number(1) + Text("k") + Text("v") + number(1) +
            Text("") + number(0) + Text("three"));
}

void WriteLists(const fs::path& folder) {
  constexpr size_t kRows = 64;
  auto rows = std::make_shared<Rows>(0, kRows, 4);
  for (size_t i = 0; i < kRows; ++i) {
    const ItemId item = ItemId::ForPercept(i + 1, 0);
    float vector[4];
    for (size_t d = 0; d < 4; ++d) vector[d] = std::sin(static_cast<float>(i * 4 + d)) / 2;
    rows->Append({&item, 1}, vector);
  }
  const std::atomic<bool> stop = false;
  const ListsSource source{rows, nullptr};
  const auto lists = Lists::Build({&source, 1}, {}, stop);
  if (lists.ok()) Write(folder, "lists", (*lists)->Serialize());
}

void WriteManifest(const fs::path& folder) {
  Write(folder, "text",
        R"({"event_id":"a","time":1700000000,"source":"s","percepts":[{"text":"three"}]})");
  Write(folder, "all",
        R"({"event_id":"b","time":"2024-05-01T12:00:00Z","duration":0.5,"scene":"x","position":)"
        R"([1,2,3],"metadata":{"k":"v"},"percepts":[{"modality":"pose","vector":[1,2.5,-3e2]},)"
        R"({"series":[[1,2],[3,4]],"rate_hz":10},{"image":"a.png"},{"audio":"b.wav"}]})");
}

void WriteMedia(const fs::path& folder) {
  Write(folder, "grey.png", "i" + testing::Png(8, 8, 8, 0, testing::GreyRows(8, 8)));
  Write(folder, "colour.jpg",
        "i" + testing::Jpeg(16, 16, [](int, int) -> uint32_t { return 0x804020; }));
  Write(folder, "sine.wav", "a" + testing::Wav({}, testing::SineL16(440, 8000, 800)));
  Write(folder, "sine.flac", "a" + testing::SineFile("flac", "flac", 440, 8000, 800));
  Write(folder, "sine.ogg", "a" + testing::SineFile("ogg", "libvorbis", 440, 8000, 800));
  Write(folder, "sine.mp3", "a" + testing::SineFile("mp3", "libmp3lame", 440, 8000, 800));
  Write(folder, "text", "tthree little words");
  Write(folder, "series",
        Bytes(uint8_t{3}) + Bytes(uint8_t{1}) + Bytes(10.0) + Text("") +
            Text(Bytes(1.0F) + Bytes(2.0F) + Bytes(3.0F)));
}

}  // namespace
}  // namespace mixmatch::fuzz

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: make_corpus FOLDER\n");
    return 2;
  }
  const std::filesystem::path folder = argv[1];
  mixmatch::fuzz::WriteEvent(folder / "event");
  mixmatch::fuzz::WriteRecords(folder / "record");
  mixmatch::fuzz::WriteLists(folder / "index");
  mixmatch::fuzz::WriteManifest(folder / "manifest");
  mixmatch::fuzz::WriteMedia(folder / "sense");
  return 0;
}
