// Text: a word's token is the mean of its n-grams' rows in a table, projected.
#include "absl/strings/str_cat.h"
#include "core/encoder/layers.h"
#include "core/encoder/stem.h"

namespace mixmatch {
namespace {

constexpr int64_t kBuckets = 16384;
constexpr int64_t kRowWidth = 64;

class TextStem final : public Stem {
 public:
  TextStem(const std::string& name, int64_t width, ParameterStore& store)
      : table_(store.MakeTable(absl::StrCat(name, "/table"), {kBuckets, kRowWidth}, 1.0F)),
        projection_(Linear::Make(store, absl::StrCat(name, "/projection"), kRowWidth, width, 3.0F)),
        modality_(store.Make(absl::StrCat(name, "/modality"), {width}, 0.5F)) {}

  absl::Status Check(const Features& features) const override {
    bool good = features.kind == PayloadKind::kText && SizesAgree(features, 1, sizeof(uint32_t));
    if (good) {
      const auto numbers = features.Values<uint32_t>();
      size_t at = 0;
      while (good && at < numbers.size()) {
        good = numbers[at] > 0 && numbers[at] < numbers.size() - at;
        at += numbers[at] + size_t{1};
      }
    }
    return good ? absl::OkStatus()
                : absl::InvalidArgumentError(
                      "text features: not words with their counts; derive them again");
  }

  at::Tensor Tokens(std::span<const Features* const> batch,
                    std::vector<int64_t>& counts) const override {
    std::vector<int64_t> rows;
    std::vector<int64_t> word_begins;
    counts.clear();
    for (const Features* f : batch) {
      const auto numbers = f->Values<uint32_t>();
      int64_t words = 0;
      for (size_t at = 0; at < numbers.size(); at += numbers[at] + size_t{1}, ++words) {
        word_begins.push_back(static_cast<int64_t>(rows.size()));
        for (size_t i = 1; i <= numbers[at]; ++i) rows.push_back(numbers[at + i] % kBuckets);
      }
      counts.push_back(words);
    }
    const at::Device device = table_.device();
    constexpr int64_t kMean = 1;
    const at::Tensor means = std::get<0>(
        at::embedding_bag(table_, IndexTensor(rows).to(device), IndexTensor(word_begins).to(device),
                          /*scale_grad_by_freq=*/false, kMean, /*sparse=*/true));  // [N, 64]
    return projection_(means) + modality_ + Places(counts, modality_.size(0), modality_.options());
  }

 private:
  static at::Tensor IndexTensor(std::vector<int64_t>& values) {
    return at::from_blob(values.data(), {static_cast<int64_t>(values.size())}, at::kLong).clone();
  }

  at::Tensor table_;  // [kBuckets, kRowWidth]
  Linear projection_;
  at::Tensor modality_;  // [D]
};

}  // namespace

std::unique_ptr<const Stem> MakeTextStem(const std::string& name, int64_t width,
                                         ParameterStore& store) {
  return std::make_unique<TextStem>(name, width, store);
}

}  // namespace mixmatch
