// Lines in, outcomes back.
#include "clients/cli/manifest_ingest.h"

#include <algorithm>
#include <optional>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "clients/cli/format.h"
#include "clients/manifest/line_reader.h"
#include "clients/manifest/manifest.h"

namespace mixmatch::cli {
namespace {

constexpr absl::Duration kShowEvery = absl::Milliseconds(200);

}  // namespace

absl::Status ManifestIngest::Prepare(const client::Client& client) {
  absl::StatusOr<client::LineReader> lines = client::LineReader::Open(path_);
  if (!lines.ok()) return lines.status();
  absl::MutexLock lock(&mutex_);
  std::string last_line;  // of those acknowledged, the one with the highest sequence number
  while (const std::optional<client::Line> line = lines->Next()) {
    ++account_.line_count;
    const uint64_t sequence = state_->SequenceOf(HashOfLine(line->text));
    if (sequence <= account_.last_sequence) continue;
    account_.last_sequence = sequence;
    last_line = line->text;
  }
  if (last_line.empty()) return absl::OkStatus();
  const absl::StatusOr<v1::EventKey> key = client::EventKeyFromLine(last_line);
  if (!key.ok()) return key.status();
  v1::GetEventRequest request;
  *request.mutable_event() = *key;
  const absl::StatusOr<v1::GetEventResponse> stored = client.GetEvent(request);
  if (!stored.ok() && !absl::IsNotFound(stored.status())) return stored.status();
  if (stored.ok() && stored->event().sequence() == account_.last_sequence) return absl::OkStatus();
  progress_->Note("the state of earlier runs speaks of another memory; sending everything");
  account_.last_sequence = 0;
  return state_->Clear();
}

absl::Status ManifestIngest::Run(const client::Client& client,
                                 const client::IngestOptions& options) {
  const absl::Time start = absl::Now();
  client::Ingester ingester(client, options,
                            [this](const client::EventOutcome& outcome) { TakeOutcome(outcome); });
  absl::Notification done;
  std::thread shower([&] {
    while (!done.WaitForNotificationWithTimeout(kShowEvery)) Show(ingester.progress());
  });
  absl::Status status = SendLines(&ingester);
  if (status.ok()) status = ingester.Finish();
  done.Notify();
  shower.join();
  Show(ingester.progress());
  progress_->Finish();
  absl::MutexLock lock(&mutex_);
  account_.elapsed = absl::Now() - start;
  return status;
}

absl::Status ManifestIngest::SendLines(client::Ingester* ingester) {
  absl::StatusOr<client::LineReader> lines = client::LineReader::Open(path_);
  if (!lines.ok()) return lines.status();
  const std::string folder = client::FolderOf(path_);
  uint64_t index = 0;
  while (const std::optional<client::Line> line = lines->Next()) {
    const uint64_t hash = HashOfLine(line->text);
    {
      absl::MutexLock lock(&mutex_);
      if (state_->SequenceOf(hash) > 0) {
        ++account_.skipped_count;
        continue;
      }
    }
    absl::StatusOr<v1::Event> event =
        line->too_long ? absl::InvalidArgumentError(absl::StrCat(
                             "line: it is longer than ", client::LineReader::kLineBytesMax,
                             " bytes; put large percepts into files"))
                       : client::EventFromLine(line->text, folder);
    if (!event.ok()) {
      Reject({line->number, static_cast<int>(event.status().code()), "",
              std::string(event.status().message())});
      continue;
    }
    {
      absl::MutexLock lock(&mutex_);
      on_way_[index++] = {line->number, hash};
      ++account_.sent_count;
    }
    absl::Status sent = ingester->Send(*std::move(event));
    if (!sent.ok()) return sent;
  }
  return absl::OkStatus();
}

void ManifestIngest::TakeOutcome(const client::EventOutcome& outcome) {
  SentLine line;
  {
    absl::MutexLock lock(&mutex_);
    const auto found = on_way_.find(outcome.index);
    line = found->second;
    on_way_.erase(found);
    if (outcome.outcome != v1::IngestResult::REJECTED) {
      (outcome.outcome == v1::IngestResult::STORED ? account_.stored_count
                                                   : account_.duplicate_count) += 1;
      account_.last_sequence = std::max(account_.last_sequence, outcome.sequence);
      state_->Record(line.hash, outcome.sequence);
      return;
    }
  }
  Reject({line.number, outcome.error.code(), outcome.error.field(), outcome.error.message()});
}

void ManifestIngest::Reject(RejectedLine line) {
  const bool named = line.field.empty() || line.reason.rfind(line.field, 0) == 0;
  progress_->Note(
      absl::StrCat("line ", line.line, ": ",
                   Printable(named ? line.reason : line.field + ": " + line.reason, 500)));
  absl::MutexLock lock(&mutex_);
  ++account_.rejected_count;
  if (account_.rejects.size() < kRejectsKept) account_.rejects.push_back(std::move(line));
}

void ManifestIngest::Show(const client::IngestProgress& at) {
  std::string detail;
  if (at.paced) {
    detail = absl::StrCat("waiting for the learner, at ", CountText(at.watermarks.learned()),
                          " of ", CountText(at.watermarks.durable()));
  } else if (!at.connected && at.taken_count > at.result_count) {
    detail = "connecting";
  }
  uint64_t done = 0;
  uint64_t total = 0;
  {
    absl::MutexLock lock(&mutex_);
    done = account_.skipped_count + account_.stored_count + account_.duplicate_count +
           account_.rejected_count;
    total = account_.line_count;
  }
  progress_->Update(done, total, detail);
}

IngestAccount ManifestIngest::account() const {
  absl::MutexLock lock(&mutex_);
  IngestAccount account = account_;
  std::sort(account.rejects.begin(), account.rejects.end(),
            [](const RejectedLine& a, const RejectedLine& b) { return a.line < b.line; });
  return account;
}

}  // namespace mixmatch::cli
