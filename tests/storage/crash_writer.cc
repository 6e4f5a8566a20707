// Appends synced batches until it is killed, and says after each one what is stored: a line
// "FIRST LAST" of the numbers in the events' ids.
#include <unistd.h>

#include <cstdio>
#include <string>

#include "storage_testing.h"

int main(int argc, char** argv) {
  using mixmatch::testing::At;
  using mixmatch::testing::ImagePercept;
  using mixmatch::testing::MakePending;
  using mixmatch::testing::TextPercept;
  if (argc != 3) return 2;
  const mixmatch::testing::OpenLog open(argv[1]);
  int next = std::stoi(argv[2]);
  for (;;) {
    std::vector<mixmatch::PendingEvent> events;
    const int first = next;
    for (int n = 1 + first % 7; n > 0; --n, ++next) {
      events.push_back(MakePending("crash", std::to_string(next), next,
                                   {TextPercept(std::to_string(next)),
                                    ImagePercept(std::string(3000, static_cast<char>(next)))}));
    }
    const auto results = open.log->Append(std::move(events), At(next));
    if (!results.ok()) return 3;
    for (const mixmatch::AppendResult& result : *results) {
      if (result.outcome == mixmatch::AppendOutcome::kRejected) return 4;
    }
    char line[64];
    const int length = std::snprintf(line, sizeof(line), "%d %d\n", first, next - 1);
    if (write(STDOUT_FILENO, line, static_cast<size_t>(length)) != length) return 5;
  }
}
