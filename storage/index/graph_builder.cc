// A queue and a thread. The queue holds a job for each full segment, so it is bounded by memory
// that is used anyway.
#include "storage/index/graph_builder.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <utility>

namespace mixmatch {
namespace {

// Recall and ingest come first: as a "nice" thread it takes what they leave.
constexpr int kNice = 10;

}  // namespace

GraphBuilder::GraphBuilder(const IndexOptions& options, Done done)
    : options_(options), done_(std::move(done)), thread_([this] { Run(); }) {}

GraphBuilder::~GraphBuilder() {
  {
    const absl::MutexLock lock(&mu_);
    stop_ = true;
  }
  thread_.join();
}

void GraphBuilder::Add(ModalityId partition, std::shared_ptr<const Rows> rows) {
  const absl::MutexLock lock(&mu_);
  jobs_.push_back({.partition = partition, .rows = std::move(rows)});
}

void GraphBuilder::Run() {
  // Best effort: a refusal costs only politeness. On Linux it is the thread's own.
  (void)setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), kNice);
  for (;;) {
    Job job;
    {
      const absl::MutexLock lock(&mu_);
      mu_.Await(absl::Condition(this, &GraphBuilder::HasWork));
      if (stop_) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    const auto graph = Graph::Build(job.rows, options_, stop_);
    // Without a graph the segment is searched exactly, as before.
    if (graph.ok()) done_(job.partition, job.rows, *graph);
  }
}

}  // namespace mixmatch
