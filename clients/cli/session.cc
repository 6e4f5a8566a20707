// Connecting, printing, failing.
#include "clients/cli/session.h"

#include <google/protobuf/util/json_util.h>

#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "clients/cli/format.h"

namespace mixmatch::cli {

absl::StatusOr<client::ClientOptions> Session::Options() const {
  client::ClientOptions options;
  if (timeout_s > 0) {
    options.timeout = absl::Seconds(timeout_s);
    options.stream_timeout = absl::Seconds(timeout_s);
  }
  options.token = token;
  if (token.empty() && !token_file.empty()) {
    std::ifstream file(token_file);
    if (!std::getline(file, options.token) || options.token.empty()) {
      return absl::NotFoundError(
          absl::StrCat("token file '", token_file, "': no line to read; give another file"));
    }
  }
  if (tls || !tls_ca_file.empty() || !tls_certificate_file.empty() || !tls_key_file.empty()) {
    options.tls = client::ClientTls{
        .ca_file = tls_ca_file, .certificate_file = tls_certificate_file, .key_file = tls_key_file};
  }
  return options;
}

absl::StatusOr<client::Client> Session::Connect() const {
  const absl::StatusOr<client::ClientOptions> options = Options();
  if (!options.ok()) return options.status();
  return client::Client::Connect(server, *options);
}

void Session::PrintJson(const google::protobuf::Message& message) const {
  out() << JsonOf(message, true);
}

int Session::Fail(const std::string& what, const absl::Status& status) const {
  err() << "mixmatchctl: " << what << ": " << absl::StatusCodeToString(status.code()) << ": "
        << Printable(std::string(status.message()), 1000);
  if (absl::IsUnavailable(status)) err() << "; is mixmatchd running at " << server << "?";
  err() << std::endl;
  return kExitServer;
}

int Session::Misused(const absl::Status& status) const {
  err() << "mixmatchctl: " << Printable(std::string(status.message()), 1000) << std::endl;
  return kExitUsage;
}

ProgressStyle Session::progress_style() const {
  if (streams_.err_is_terminal) return ProgressStyle::kBar;
  return json ? ProgressStyle::kNone : ProgressStyle::kLines;
}

std::string JsonOf(const google::protobuf::Message& message, bool indent) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = indent;
  options.always_print_primitive_fields = true;
  options.preserve_proto_field_names = true;
  std::string text;
  const auto status = google::protobuf::util::MessageToJsonString(message, &text, options);
  if (!status.ok()) return absl::StrCat("{\"error\": \"", status.ToString(), "\"}");
  return text;
}

}  // namespace mixmatch::cli
