// Buckets are filled when they are asked; those that have become full again are forgotten.
#include "server/rate_limiter.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "server/retry_delay.h"

namespace mixmatch {
namespace {

constexpr absl::Duration kDepth = absl::Seconds(2);
constexpr size_t kClientsMax = 4096;

// Fills a bucket, and says how long it takes until it holds `wanted`.
absl::Duration Fill(double rate, double seconds, double wanted, double& tokens) {
  if (rate <= 0) return absl::ZeroDuration();
  const double depth = rate * absl::ToDoubleSeconds(kDepth);
  tokens = std::min(depth, tokens + rate * seconds);
  const double missing = std::min(wanted, depth) - tokens;
  return missing <= 0 ? absl::ZeroDuration() : absl::Seconds(missing / rate);
}

}  // namespace

absl::Status RateLimiter::Take(const std::string& client, uint64_t bytes, absl::Time now) {
  if (off()) return absl::OkStatus();
  const absl::MutexLock lock(&mu_);
  if (clients_.size() >= kClientsMax && !clients_.contains(client)) Forget(now);
  const auto [entry, made] = clients_.try_emplace(client);
  Buckets& b = entry->second;
  const double seconds = absl::ToDoubleSeconds(made ? kDepth : now - b.filled);
  b.filled = now;
  const absl::Duration events_in = Fill(rates_.events_per_second, seconds, 1, b.events);
  const absl::Duration bytes_in =
      Fill(rates_.bytes_per_second, seconds, static_cast<double>(bytes), b.bytes);
  const absl::Duration in = std::max(events_in, bytes_in);
  if (in > absl::ZeroDuration()) {
    return WithRetryDelay(
        absl::ResourceExhaustedError(absl::StrCat(
            "event not stored: this client may send ", rates_.events_per_second, " events and ",
            rates_.bytes_per_second, " bytes a second (0: any); send it again later")),
        in);
  }
  b.events -= 1;
  b.bytes -= static_cast<double>(bytes);
  return absl::OkStatus();
}

void RateLimiter::Forget(absl::Time now) {
  std::erase_if(clients_, [now](const auto& entry) { return now - entry.second.filled >= kDepth; });
}

}  // namespace mixmatch
