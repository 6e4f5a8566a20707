// What stems share.
#include "core/encoder/stem.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "core/base/payload_kind.h"

namespace mixmatch {

bool SizesAgree(const Features& features, size_t rank, size_t number_bytes) {
  if (features.shape.size() != rank) return false;
  uint64_t count = 1;
  for (const uint32_t size : features.shape) {
    if (size == 0) return false;
    count *= size;
    if (count > features.bytes.size()) return false;
  }
  return count * number_bytes == features.bytes.size();
}

at::Tensor Places(std::span<const int64_t> counts, int64_t width,
                  const at::TensorOptions& options) {
  int64_t longest = 0;
  int64_t total = 0;
  for (const int64_t count : counts) {
    longest = std::max(longest, count);
    total += count;
  }
  std::vector<float> table(static_cast<size_t>(longest * width));
  for (int64_t t = 0; t < longest; ++t) {
    for (int64_t c = 0; c < width; c += 2) {
      const double rate = std::pow(1e-3, static_cast<double>(c) / static_cast<double>(width));
      const auto at = static_cast<size_t>(t * width + c);
      table[at] = static_cast<float>(std::sin(static_cast<double>(t) * rate));
      if (c + 1 < width)
        table[at + 1] = static_cast<float>(std::cos(static_cast<double>(t) * rate));
    }
  }
  at::Tensor places = at::empty({total, width}, at::kFloat);
  float* row = places.data_ptr<float>();
  for (const int64_t count : counts) {
    row = std::copy_n(table.data(), count * width, row);
  }
  return places.to(options.device());
}

std::unique_ptr<const Stem> MakeStem(const ModalitySpec& modality, int64_t width,
                                     ParameterStore& store) {
  const std::string_view kind = PayloadKindName(modality.kind);
  const std::string name = absl::StrCat("stem/", absl::string_view(kind.data(), kind.size()), "/",
                                        modality.dimension, "/", modality.name);
  switch (modality.kind) {
    case PayloadKind::kImage:
      return MakeImageStem(name, width, store);
    case PayloadKind::kAudio:
      return MakeAudioStem(name, width, store);
    case PayloadKind::kText:
      return MakeTextStem(name, width, store);
    case PayloadKind::kSeries:
      return MakeSeriesStem(name, modality.dimension, width, store);
    case PayloadKind::kVector:
      return MakeVectorStem(name, modality.dimension, width, store);
    case PayloadKind::kVideo:
      break;
  }
  return nullptr;
}

}  // namespace mixmatch
