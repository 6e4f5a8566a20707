// One write at a time, handed over and awaited.
#include "storage/background_writer.h"

#include "core/base/thread_priority.h"

namespace mixmatch {

BackgroundWriter::~BackgroundWriter() {
  {
    const absl::MutexLock lock(&mu_);
    ending_ = true;
  }
  thread_.join();
}

void BackgroundWriter::Do(const std::function<void()>& write) {
  const absl::MutexLock turn(&turn_);
  const absl::MutexLock lock(&mu_);
  write_ = &write;
  mu_.Await(absl::Condition(this, &BackgroundWriter::IsIdle));
}

void BackgroundWriter::Run() {
  NameThread(name_);
  while (true) {
    const std::function<void()>* write = nullptr;
    {
      const absl::MutexLock lock(&mu_);
      mu_.Await(absl::Condition(this, &BackgroundWriter::HasNews));
      if (write_ == nullptr) return;
      write = write_;
    }
    (*write)();
    const absl::MutexLock lock(&mu_);
    write_ = nullptr;
  }
}

}  // namespace mixmatch
