// Memory for arrays that are read at random places: in huge pages where they are large, so that the
// processor finds its way to them without a walk through tables for every few thousand bytes.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdlib>
#include <new>
#include <type_traits>

namespace mixmatch {

// An array of `count` numbers, not initialised; pages that are not written take no memory.
// Thread-safety: as of an array.
template <typename T>
class HugeArray {
  static_assert(std::is_trivial_v<T>);

 public:
  explicit HugeArray(size_t count) {
    const size_t bytes = count * sizeof(T);
    if (bytes < kHugeFrom) {
      data_ = static_cast<T*>(std::malloc(bytes > 0 ? bytes : 1));
      if (data_ == nullptr) throw std::bad_alloc();
      return;
    }
    // Room to begin where a huge page does; what is before and behind is given back.
    const size_t room = bytes + kHugePage;
    void* const mapped =
        mmap(nullptr, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED) throw std::bad_alloc();
    auto* const begin = static_cast<char*>(mapped);
    const size_t before = (kHugePage - reinterpret_cast<size_t>(begin) % kHugePage) % kHugePage;
    mapped_ = (bytes + kPage - 1) / kPage * kPage;
    if (before > 0) munmap(begin, before);
    munmap(begin + before + mapped_, room - before - mapped_);
    data_ = reinterpret_cast<T*>(begin + before);
    madvise(data_, mapped_, MADV_HUGEPAGE);  // small pages do where there are no huge ones
  }
  ~HugeArray() {
    if (mapped_ > 0) {
      munmap(data_, mapped_);
    } else {
      std::free(data_);
    }
  }
  HugeArray(const HugeArray&) = delete;
  HugeArray& operator=(const HugeArray&) = delete;

  T* get() const { return data_; }
  T& operator[](size_t i) const { return data_[i]; }

 private:
  static constexpr size_t kPage = 4096;
  static constexpr size_t kHugePage = 2 << 20;
  static constexpr size_t kHugeFrom = 4 << 20;

  T* data_ = nullptr;
  size_t mapped_ = 0;  // bytes; 0: on the heap
};

}  // namespace mixmatch
