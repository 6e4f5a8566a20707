// One thread that starts calls when they are due; gRPC's threads end them.
#include "clients/cpp/load.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "clients/cpp/connection_internal.h"

namespace mixmatch::client {
namespace {

using Steady = std::chrono::steady_clock;

absl::Duration Since(Steady::time_point then) { return absl::FromChrono(Steady::now() - then); }

// What of an answer counts as a refusal: nothing of a recall, refused events of a batch.
const v1::EventError* RefusalIn(const v1::RecallResponse& /*response*/) { return nullptr; }
const v1::EventError* RefusalIn(const v1::IngestBatchResponse& response) {
  for (const v1::IngestResult& result : response.results()) {
    if (result.outcome() == v1::IngestResult::REJECTED) return &result.error();  // the first
  }
  return nullptr;
}

// How a call ended; refused plainly: without a time to come again.
enum class Fate : uint8_t { kAnswered, kRefused, kRefusedPlainly, kFailed };

// Lives as long as a call of it, since the last one still ends when Run() sees that it has.
template <typename Request, typename Response>
class Load : public std::enable_shared_from_this<Load<Request, Response>> {
 public:
  using Make = std::function<Request(uint64_t)>;
  using Start = void (*)(Connection&, grpc::ClientContext*, const Request*, Response*,
                         std::function<void(grpc::Status)>);

  // `connections` outlive Run(). They are not held here: the last call ends on a thread of gRPC's,
  // which must not be the one that ends a channel.
  Load(const LoadOptions& options, const std::vector<std::shared_ptr<Connection>>& connections,
       const Make& make, Start start)
      : options_(options),
        connections_(connections),
        make_(make),
        start_(start),
        begun_(Steady::now()) {}

  LoadReport Run(const LoadProgress& progress) {
    if (options_.rate > 0) {
      Open(progress);
    } else {
      for (int i = 0; i < options_.concurrency; ++i) Next();
    }
    while (!Idle(absl::Milliseconds(100))) progress(ended());
    const absl::MutexLock lock(&mu_);
    report_.elapsed = Since(begun_);
    return std::move(report_);
  }

 private:
  struct Call {
    // Holds the channel, so it goes before the call is counted out: see the constructor.
    std::unique_ptr<grpc::ClientContext> context = std::make_unique<grpc::ClientContext>();
    Request request;
    Response response;
    Steady::time_point due;
  };

  void Open(const LoadProgress& progress) {
    absl::Time shown = absl::InfinitePast();
    for (uint64_t number = 0; number < options_.count_max; ++number) {
      const auto at = absl::Seconds(static_cast<double>(number) / options_.rate);
      if (at >= options_.duration) break;
      if (Since(begun_) >= options_.duration) {  // it cannot keep up: the rest is late for good
        const uint64_t due = std::min(
            options_.count_max, static_cast<uint64_t>(std::ceil(
                                    options_.rate * absl::ToDoubleSeconds(options_.duration))));
        const absl::MutexLock lock(&mu_);
        report_.unsent += due - number;
        break;
      }
      if (const absl::Duration early = at - Since(begun_); early > absl::ZeroDuration()) {
        absl::SleepFor(early);
      }
      const Steady::time_point due = begun_ + absl::ToChronoNanoseconds(at);
      bool room = true;
      {
        const absl::MutexLock lock(&mu_);
        room = outstanding_ < options_.outstanding_max;
        if (room) {
          ++outstanding_;
          ++report_.sent;
        } else {
          ++report_.unsent;
        }
      }
      if (room) Begin(number, due);
      if (absl::Now() - shown > absl::Milliseconds(100)) {
        progress(ended());
        shown = absl::Now();
      }
    }
  }

  // The next call of a closed loop, if there is one.
  void Next() {
    uint64_t number = 0;
    {
      const absl::MutexLock lock(&mu_);
      if (report_.sent >= options_.count_max || Since(begun_) >= options_.duration) return;
      number = report_.sent++;
      ++outstanding_;
    }
    Begin(number, Steady::now());
  }

  void Begin(uint64_t number, Steady::time_point due) {
    auto call = std::make_shared<Call>();
    call->request = make_(number);
    call->due = due;
    SetDeadline(call->context.get(), absl::Now() + options_.timeout);
    start_(*connections_[number % connections_.size()], call->context.get(), &call->request,
           &call->response, [self = this->shared_from_this(), call](const grpc::Status& status) {
             self->End(*call, status);
           });
  }

  void End(Call& call, const grpc::Status& status) {
    const auto ms = static_cast<float>(absl::ToDoubleMilliseconds(Since(call.due)));
    const Fate fate = FateOf(call, status);
    {
      const absl::MutexLock lock(&mu_);
      if (fate == Fate::kAnswered) {
        ++report_.answered;
        report_.answered_ms.push_back(ms);
      } else if (fate == Fate::kFailed) {
        ++report_.failed;
        if (report_.first_error.empty()) report_.first_error = ErrorOf(call, status);
      } else {
        ++report_.refused;
        report_.refused_plainly += fate == Fate::kRefusedPlainly ? 1 : 0;
        report_.refused_ms.push_back(ms);
      }
      if (options_.ended) {
        options_.ended(
            {.due = absl::Now() - absl::Milliseconds(ms), .ms = ms, .outcome = OutcomeOf(fate)});
      }
    }
    call.context.reset();
    // Before this one is counted out, so that Run() does not see an end between the two.
    if (options_.rate <= 0) Next();
    const absl::MutexLock lock(&mu_);
    --outstanding_;
  }

  static EndedCall::Outcome OutcomeOf(Fate fate) {
    if (fate == Fate::kAnswered) return EndedCall::Outcome::kAnswered;
    if (fate == Fate::kFailed) return EndedCall::Outcome::kFailed;
    return EndedCall::Outcome::kRefused;
  }

  static std::string ErrorOf(const Call& call, const grpc::Status& status) {
    const v1::EventError* const refusal = status.ok() ? RefusalIn(call.response) : nullptr;
    return refusal != nullptr ? refusal->message() : FromGrpc(status).ToString();
  }

  static Fate FateOf(const Call& call, const grpc::Status& status) {
    if (status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED) {
      return RetryDelay(*call.context) ? Fate::kRefused : Fate::kRefusedPlainly;
    }
    if (!status.ok()) return Fate::kFailed;
    const v1::EventError* const refusal = RefusalIn(call.response);
    if (refusal == nullptr) return Fate::kAnswered;
    if (refusal->code() != grpc::StatusCode::RESOURCE_EXHAUSTED) return Fate::kFailed;
    return refusal->has_retry_delay() ? Fate::kRefused : Fate::kRefusedPlainly;
  }

  uint64_t ended() {
    const absl::MutexLock lock(&mu_);
    return report_.answered + report_.refused + report_.failed;
  }

  bool Idle(absl::Duration patience) {
    const absl::MutexLock lock(&mu_);
    const auto idle = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return outstanding_ == 0; };
    return mu_.AwaitWithTimeout(absl::Condition(&idle), patience);
  }

  const LoadOptions options_;
  const std::vector<std::shared_ptr<Connection>>& connections_;
  const Make make_;
  const Start start_;
  const Steady::time_point begun_;
  absl::Mutex mu_;
  LoadReport report_ ABSL_GUARDED_BY(mu_);
  int outstanding_ ABSL_GUARDED_BY(mu_) = 0;
};

// How long connections are waited for; a call without one says itself what is the matter.
constexpr std::chrono::seconds kConnecting(5);

// Connected before the first call is due: what that takes is no call's time, and where many calls
// are due a second it is that of hundreds.
absl::StatusOr<std::vector<std::shared_ptr<Connection>>> Connect(const std::string& target,
                                                                 ClientOptions client, int count) {
  client.own_connection = true;
  std::vector<std::shared_ptr<Connection>> connections;
  for (int i = 0; i < std::max(count, 1); ++i) {
    const absl::StatusOr<Client> one = Client::Connect(target, client);
    if (!one.ok()) return one.status();
    connections.push_back(one->connection());
    connections.back()->channel()->GetState(/*try_to_connect=*/true);
  }
  const auto deadline = std::chrono::system_clock::now() + kConnecting;
  for (const auto& connection : connections) {
    if (!connection->channel()->WaitForConnected(deadline)) break;
  }
  return connections;
}

}  // namespace

float Percentile(std::vector<float>& values, double share) {
  if (values.empty()) return 0;
  const auto rank = static_cast<size_t>(std::ceil(share * static_cast<double>(values.size())));
  const auto place =
      values.begin() + static_cast<std::ptrdiff_t>(std::clamp<size_t>(rank, 1, values.size()) - 1);
  std::nth_element(values.begin(), place, values.end());
  return *place;
}

absl::StatusOr<LoadReport> LoadRecall(const std::string& target, const ClientOptions& client,
                                      const LoadOptions& options, const MakeRecall& make,
                                      const LoadProgress& progress) {
  const auto connections = Connect(target, client, options.concurrency);
  if (!connections.ok()) return connections.status();
  using RecallLoad = Load<v1::RecallRequest, v1::RecallResponse>;
  const auto load = std::make_shared<RecallLoad>(
      options, *connections, make,
      [](Connection& connection, grpc::ClientContext* context, const v1::RecallRequest* request,
         v1::RecallResponse* response, std::function<void(grpc::Status)> done) {
        connection.memory().async()->Recall(context, request, response, std::move(done));
      });
  return load->Run(progress);
}

absl::StatusOr<LoadReport> LoadIngest(const std::string& target, const ClientOptions& client,
                                      const LoadOptions& options, const MakeIngest& make,
                                      const LoadProgress& progress) {
  const auto connections = Connect(target, client, options.concurrency);
  if (!connections.ok()) return connections.status();
  using IngestLoad = Load<v1::IngestBatchRequest, v1::IngestBatchResponse>;
  const auto load = std::make_shared<IngestLoad>(
      options, *connections, make,
      [](Connection& connection, grpc::ClientContext* context,
         const v1::IngestBatchRequest* request, v1::IngestBatchResponse* response,
         std::function<void(grpc::Status)> done) {
        connection.memory().async()->IngestBatch(context, request, response, std::move(done));
      });
  return load->Run(progress);
}

}  // namespace mixmatch::client
