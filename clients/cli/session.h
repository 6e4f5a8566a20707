// One run of mixmatchctl: where it prints, whom it talks to, how it ends.
//
// Takes the global options; gives the commands a client, their output streams and the wording of
// errors. It knows no command.
#pragma once

#include <google/protobuf/message.h>

#include <ostream>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "clients/cli/progress.h"
#include "clients/cpp/client.h"

namespace mixmatch::cli {

// What mixmatchctl exits with. Part of its interface (README.md).
enum ExitCode : int {
  kExitOk = 0,
  kExitServer = 1,    // the daemon refused, failed, or did not answer
  kExitUsage = 2,     // the command line, or a file that it names, is wrong
  kExitRejected = 3,  // it ran to its end, but single lines or events were bad
};

// Where a run prints; tests give their own.
struct Streams {
  std::ostream& out;
  std::ostream& err;
  bool err_is_terminal = false;
};

// Thread-safety: Not thread-safe: one owner thread.
class Session {
 public:
  explicit Session(const Streams& streams) : streams_(streams) {}

  // Global options, set by the command line's parser.
  std::string server = "127.0.0.1:7077";
  bool json = false;
  double timeout_s = 0;    // 0: the defaults of each call
  std::string token;       // empty: none, or what token_file holds
  std::string token_file;  // its first line
  bool tls = false;        // also by any of these
  std::string tls_ca_file;
  std::string tls_certificate_file;
  std::string tls_key_file;

  // What the program exits with; set by the command.
  int exit_code = kExitOk;

  std::ostream& out() const { return streams_.out; }
  std::ostream& err() const { return streams_.err; }

  // Timeout, token and TLS of the session. NOT_FOUND for the token's file.
  absl::StatusOr<client::ClientOptions> Options() const;
  // A client for `server` with these.
  absl::StatusOr<client::Client> Connect() const;

  // Prints a direct answer as JSON: the API's names, all fields present.
  void PrintJson(const google::protobuf::Message& message) const;

  // Connects, calls, and answers: with the response as JSON, or as `print` prints it. Returns the
  // exit code. `call`: Client -> StatusOr of a message.
  template <typename Call, typename Print>
  int Answer(const std::string& what, Call call, Print print) const {
    const absl::StatusOr<client::Client> client = Connect();
    if (!client.ok()) return Misused(client.status());
    const auto response = call(*client);
    if (!response.ok()) return Fail(what, response.status());
    if (json) {
      PrintJson(*response);
    } else {
      print(*response);
    }
    return kExitOk;
  }

  // Prints one line about what failed. Returns the exit code that fits: kExitServer.
  int Fail(const std::string& what, const absl::Status& status) const;
  // The same for what the user has to change. Returns kExitUsage.
  int Misused(const absl::Status& status) const;

  // A bar on a terminal; plain lines elsewhere, but none beside JSON.
  ProgressStyle progress_style() const;

 private:
  Streams streams_;
};

// A message as JSON text with the proto's own names; `indent` spreads it over lines. Numbers of 64
// bits are text, times RFC 3339, bytes base64.
std::string JsonOf(const google::protobuf::Message& message, bool indent);

}  // namespace mixmatch::cli
