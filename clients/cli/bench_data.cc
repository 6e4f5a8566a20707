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
constexpr uint64_t kScenes = 16;
constexpr int64_t kFirstSecond = 1'700'000'000;
constexpr std::array<const char*, 16> kWords = {
    "bell", "drum",  "horn",   "lamp",  "door",  "rain", "wind",  "step",
    "bird", "glass", "engine", "voice", "water", "wood", "metal", "paper"};

}  // namespace

BenchData::BenchData(std::string payload, int dimension, uint64_t seed, std::string run)
    : payload_(std::move(payload)),
      modality_(payload_ == "vector" ? absl::StrCat("bench-", dimension) : "text"),
      dimension_(dimension),
      seed_(seed),
      run_(std::move(run)) {}

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
    for (const float value : VectorOf(number)) {
      percept.mutable_vector()->add_values(value);
    }
    return percept;
  }
  std::mt19937_64 random(seed_ ^ number);
  std::string text;
  for (int i = 0; i < 4; ++i) absl::StrAppend(&text, kWords[random() % kWords.size()], " ");
  percept.mutable_text()->set_text(absl::StrCat(text, number));
  return percept;
}

std::vector<float> BenchData::VectorOf(uint64_t number) const {
  std::mt19937_64 own(seed_ ^ number);
  std::mt19937_64 centre(seed_ + own() % kCentres);
  // One for each: it keeps half of what it draws for its next call.
  std::normal_distribution<float> normal;
  std::normal_distribution<float> normal_of_centre;
  std::vector<float> values;
  float squares = 0;
  for (int i = 0; i < dimension_; ++i) {
    values.push_back(normal_of_centre(centre) + normal(own));
    squares += values.back() * values.back();
  }
  for (float& value : values) value /= std::sqrt(squares);
  return values;
}

}  // namespace mixmatch::cli
