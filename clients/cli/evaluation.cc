// Queries out, answers judged.
#include "clients/cli/evaluation.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "clients/cli/format.h"
#include "clients/manifest/percepts.h"

namespace mixmatch::cli {
namespace {

constexpr uint32_t kPageSize = 1000;

bool Meets(const v1::Event& event, const v1::Filter& conditions) {
  return std::all_of(conditions.metadata().begin(), conditions.metadata().end(),
                     [&](const v1::MetadataCondition& condition) {
                       const auto found = event.metadata().find(condition.key());
                       return found != event.metadata().end() &&
                              found->second == condition.values(0);
                     });
}

// Errors that say that this query is bad, not that the daemon is in trouble.
bool IsQuerysFault(const absl::Status& status) {
  return absl::IsInvalidArgument(status) || absl::IsNotFound(status);
}

}  // namespace

absl::StatusOr<uint64_t> RelevantCounter::Count(const client::EvalQuery& query) {
  v1::ListEventsRequest request;
  *request.mutable_filter() = query.relevant;
  request.mutable_filter()->mutable_metadata()->MergeFrom(query.filter.metadata());
  request.mutable_filter()->add_modalities(query.want);
  request.set_page_size(kPageSize);
  const std::string key = request.SerializeAsString();
  // Held over the calls, so that eight queries with one condition do not count it eight times.
  absl::MutexLock lock(&mutex_);
  const auto known = counts_.find(key);
  if (known != counts_.end()) return known->second;
  uint64_t count = 0;
  do {
    const absl::StatusOr<v1::ListEventsResponse> page = client_->ListEvents(request);
    if (!page.ok()) return page.status();
    for (const v1::StoredEvent& stored : page->events()) {
      for (const v1::Percept& percept : stored.event().percepts()) {
        if (client::ModalityOf(percept) == query.want) ++count;
      }
    }
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty());
  counts_[key] = count;
  return count;
}

absl::Status Evaluation::Run(const std::vector<client::Line>& lines) {
  std::vector<std::thread> workers;
  const size_t worker_count = std::min<size_t>(kInFlightMax, lines.size());
  for (size_t i = 0; i < worker_count; ++i) workers.emplace_back([&] { Work(lines); });
  for (std::thread& worker : workers) worker.join();
  progress_->Finish();
  absl::MutexLock lock(&mutex_);
  return failure_;
}

void Evaluation::Work(const std::vector<client::Line>& lines) {
  while (true) {
    size_t index = 0;
    {
      absl::MutexLock lock(&mutex_);
      if (!failure_.ok() || next_ == lines.size()) return;
      index = next_++;
    }
    const absl::Status asked = Ask(lines[index]);
    if (IsQuerysFault(asked)) {
      progress_->Note(absl::StrCat("line ", lines[index].number, ": ",
                                   Printable(std::string(asked.message()), 500)));
    }
    absl::MutexLock lock(&mutex_);
    if (IsQuerysFault(asked)) {
      ++bad_line_count_;
    } else if (!asked.ok() && failure_.ok()) {
      failure_ = asked;
    }
    progress_->Update(++done_, lines.size(), "");
  }
}

absl::Status Evaluation::Ask(const client::Line& line) {
  if (line.too_long) {
    return absl::InvalidArgumentError("line: it is too long; put large percepts into files");
  }
  const absl::StatusOr<client::EvalQuery> query = client::QueryFromLine(line.text, folder_);
  if (!query.ok()) return query.status();
  v1::RecallRequest request;
  *request.mutable_query()->mutable_percepts() = query->percepts;
  request.add_modalities(query->want);
  const uint32_t k = k_ > 0 ? k_ : query->k > 0 ? query->k : kDefaultK;
  request.set_k(k);
  *request.mutable_filter() = query->filter;
  const absl::StatusOr<v1::RecallResponse> response = client_->Recall(request);
  if (!response.ok()) return response.status();
  std::vector<bool> relevant;
  for (const v1::Experience& found : response->experiences()) {
    relevant.push_back(Meets(found.event().event(), query->relevant));
  }
  const absl::StatusOr<uint64_t> stored_count = counter_.Count(*query);
  if (!stored_count.ok()) return stored_count.status();
  std::vector<std::string> modalities;
  for (const v1::Percept& percept : query->percepts.percepts()) {
    modalities.push_back(client::ModalityOf(percept));
  }
  absl::MutexLock lock(&mutex_);
  ks_.insert(k);
  if (*stored_count == 0) ++hopeless_count_;
  report_.Add(std::move(modalities), query->want, ScoreOf(relevant, k, *stored_count));
  return absl::OkStatus();
}

}  // namespace mixmatch::cli
