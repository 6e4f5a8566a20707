// Every value is a function of the seed and a number.
#include "clients/cli/bench_data.h"

#include <array>
#include <cmath>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"

namespace mixmatch::cli {
namespace {

constexpr uint64_t kCentres = 256;
constexpr int kDeviationBits = 12;
constexpr uint64_t kDeviations = uint64_t{1} << kDeviationBits;
constexpr size_t kDrawsAtOnce = 64 / kDeviationBits;
constexpr uint64_t kScenes = 16;
constexpr int64_t kFirstSecond = 1'700'000'000;
constexpr std::array<const char*, 16> kWords = {
    "bell", "drum",  "horn",   "lamp",  "door",  "rain", "wind",  "step",
    "bird", "glass", "engine", "voice", "water", "wood", "metal", "paper"};

// Steele, Lea, Flood: "Fast splittable pseudorandom number generators" (2014). Unlike a Mersenne
// twister it takes no time to seed.
class SplitMix {
 public:
  explicit SplitMix(uint64_t seed) : state_(seed) {}

  uint64_t operator()() {
    state_ += 0x9e3779b97f4a7c15;
    uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }

 private:
  uint64_t state_;
};

}  // namespace

BenchData::BenchData(std::string payload, int dimension, uint64_t seed, std::string run)
    : payload_(std::move(payload)),
      modality_(payload_ == "vector" ? absl::StrCat("bench-", dimension) : "text"),
      dimension_(dimension),
      seed_(seed),
      run_(std::move(run)),
      centres_(kCentres * static_cast<size_t>(dimension)),
      deviations_(kDeviations) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal;
  for (float& value : centres_) value = normal(random);
  for (float& value : deviations_) value = normal(random);
}

v1::Event BenchData::EventOf(uint64_t number) const {
  v1::Event event;
  event.set_event_id(absl::StrCat(number));
  event.set_source(run_);
  event.set_scene(absl::StrCat("bench-", number % kScenes));
  event.mutable_time()->set_seconds(kFirstSecond + 2 * static_cast<int64_t>(number / kScenes));
  (*event.mutable_metadata())["number"] = absl::StrCat(number % 1000);
  *event.add_percepts() = PerceptOf(number);
  return event;
}

v1::Query BenchData::QueryOf(uint64_t number) const {
  v1::Query query;
  *query.mutable_percepts()->add_percepts() = PerceptOf(~number);
  return query;
}

v1::Percept BenchData::PerceptOf(uint64_t number) const {
  v1::Percept percept;
  percept.set_modality(modality_);
  if (payload_ == "vector") {
    auto* const values = percept.mutable_vector()->mutable_values();
    values->Resize(dimension_, 0);
    WriteVector(number, values->mutable_data());
    return percept;
  }
  std::mt19937_64 random(seed_ ^ number);
  std::string text;
  for (int i = 0; i < 4; ++i) absl::StrAppend(&text, kWords[random() % kWords.size()], " ");
  percept.mutable_text()->set_text(absl::StrCat(text, number));
  return percept;
}

void BenchData::WriteVector(uint64_t number, float* out) const {
  SplitMix random(seed_ ^ number);
  const auto dimension = static_cast<size_t>(dimension_);
  const float* const centre = centres_.data() + (random() % kCentres) * dimension;
  float squares = 0;
  uint64_t drawn = 0;
  for (size_t i = 0; i < dimension; ++i) {
    drawn = i % kDrawsAtOnce == 0 ? random() : drawn >> kDeviationBits;
    out[i] = centre[i] + deviations_[drawn % kDeviations];
    squares += out[i] * out[i];
  }
  const float scale = 1 / std::sqrt(squares);
  for (size_t i = 0; i < dimension; ++i) out[i] *= scale;
}

}  // namespace mixmatch::cli
