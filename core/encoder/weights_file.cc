// A reader with bounds on every length: the checksum keeps accidents out, not malice.
#include "core/encoder/weights_file.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "core/base/hash.h"
#include "core/base/status.h"

namespace mixmatch {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr std::string_view kMagic = "MMWEIGHT";
constexpr uint32_t kVersion = 2;  // 2: channels last in the weights of convolutions
constexpr uint32_t kRankMax = 8;
constexpr uint64_t kSizeMax = uint64_t{1} << 32;  // of a tensor and each of its dimensions

absl::Status Damaged(std::string_view what) {
  return absl::DataLossError(absl::StrCat("weights: ", absl::string_view(what.data(), what.size()),
                                          "; restore them from a checkpoint or a snapshot"));
}

template <typename T>
void Put(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof(T));
}

void PutName(std::string& out, std::string_view name) {
  Put(out, static_cast<uint32_t>(name.size()));
  out.append(name);
}

// Takes pieces off the front of `rest`; false when it is too short.
class Reader {
 public:
  explicit Reader(std::string_view rest) : rest_(rest) {}

  template <typename T>
  bool Get(T& value) {
    if (rest_.size() < sizeof(T)) return false;
    std::memcpy(&value, rest_.data(), sizeof(T));
    rest_.remove_prefix(sizeof(T));
    return true;
  }
  bool GetBytes(uint64_t size, std::string_view& bytes) {
    if (rest_.size() < size) return false;
    bytes = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return true;
  }
  bool GetName(std::string& name) {
    uint32_t size = 0;
    std::string_view bytes;
    if (!Get(size) || !GetBytes(size, bytes)) return false;
    name = bytes;
    return true;
  }
  bool empty() const { return rest_.empty(); }
  uint64_t size() const { return rest_.size(); }

 private:
  std::string_view rest_;
};

bool ReadFacts(Reader& reader, WeightsFile& file) {
  uint32_t count = 0;
  if (!reader.Get(count)) return false;
  for (uint32_t i = 0; i < count; ++i) {
    std::string name;
    uint64_t size = 0;
    std::string_view bytes;
    if (!reader.GetName(name) || !reader.Get(size) || !reader.GetBytes(size, bytes)) return false;
    file.facts[name] = bytes;
  }
  return true;
}

bool ReadTensor(Reader& reader, WeightsFile::Tensor& tensor) {
  uint32_t rank = 0;
  if (!reader.Get(rank) || rank > kRankMax) return false;
  uint64_t count = 1;
  for (uint32_t r = 0; r < rank; ++r) {
    uint64_t size = 0;
    if (!reader.Get(size) || size > kSizeMax) return false;
    tensor.sizes.push_back(static_cast<int64_t>(size));
    count *= size;
    if (count > kSizeMax) return false;
  }
  std::string_view bytes;
  if (!reader.GetBytes(count * sizeof(float), bytes)) return false;
  tensor.values.resize(count);
  if (count != 0) std::memcpy(tensor.values.data(), bytes.data(), bytes.size());
  return true;
}

}  // namespace

absl::StatusOr<uint64_t> WeightsFile::Number(std::string_view name) const {
  const auto it = facts.find(name);
  uint64_t value = 0;
  if (it == facts.end() || !absl::SimpleAtoi(it->second, &value)) {
    return Damaged(
        absl::StrCat("the number ", absl::string_view(name.data(), name.size()), " is missing"));
  }
  return value;
}

void WeightsFile::SetNumber(std::string_view name, uint64_t value) {
  facts[std::string(name)] = absl::StrCat(value);
}

std::string WriteWeights(const WeightsFile& file) {
  std::string out(kMagic);
  Put(out, kVersion);
  Put(out, static_cast<uint32_t>(file.facts.size()));
  for (const auto& [name, bytes] : file.facts) {
    PutName(out, name);
    Put(out, static_cast<uint64_t>(bytes.size()));
    out.append(bytes);
  }
  Put(out, static_cast<uint32_t>(file.tensors.size()));
  for (const auto& [name, tensor] : file.tensors) {
    PutName(out, name);
    Put(out, static_cast<uint32_t>(tensor.sizes.size()));
    for (const int64_t size : tensor.sizes) Put(out, static_cast<uint64_t>(size));
    out.append(reinterpret_cast<const char*>(tensor.values.data()),
               tensor.values.size() * sizeof(float));
  }
  Put(out, StableHash64(out));
  return out;
}

absl::StatusOr<WeightsFile> ReadWeights(std::string_view bytes) {
  constexpr size_t kFrame = kMagic.size() + sizeof(uint32_t) + sizeof(uint64_t);
  if (bytes.size() < kFrame || !bytes.starts_with(kMagic)) {
    return Damaged(absl::StrCat(bytes.size(), " bytes are no weights file"));
  }
  const std::string_view body = bytes.substr(0, bytes.size() - sizeof(uint64_t));
  uint64_t checksum = 0;
  std::memcpy(&checksum, bytes.data() + body.size(), sizeof(checksum));
  if (checksum != StableHash64(body)) return Damaged("the checksum does not agree");

  Reader reader(body.substr(kMagic.size()));
  uint32_t version = 0;
  if (!reader.Get(version) || version != kVersion) {
    return Damaged(absl::StrCat("format version ", version, " is not ", kVersion));
  }
  WeightsFile file;
  uint32_t count = 0;
  if (!ReadFacts(reader, file) || !reader.Get(count)) return Damaged("the facts are cut off");
  for (uint32_t i = 0; i < count; ++i) {
    std::string name;
    WeightsFile::Tensor tensor;
    if (!reader.GetName(name) || !ReadTensor(reader, tensor)) {
      return Damaged(absl::StrCat("tensor ", i, " of ", count, " is cut off"));
    }
    for (const float value : tensor.values) {
      if (!std::isfinite(value)) return Damaged(absl::StrCat("tensor ", name, " is not finite"));
    }
    file.tensors[name] = std::move(tensor);
  }
  if (!reader.empty()) return Damaged(absl::StrCat(reader.size(), " bytes are left over"));
  return file;
}

}  // namespace mixmatch
