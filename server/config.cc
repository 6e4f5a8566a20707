// One table of keys drives reading, the environment and printing, so that they cannot drift apart.
#include "server/config.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <map>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "storage/retention.h"

namespace mixmatch {
namespace {

struct Key {
  std::string path;
  std::function<absl::Status(const std::string&)> set;
  std::function<std::string()> print;
};

absl::Status Wrong(const std::string& path, const std::string& found, const char* wanted) {
  return InvalidField(path,
                      absl::StrCat("config refused: ", path, " is '", found, "'; give ", wanted));
}

absl::Status SetNumber(const std::string& path, const std::string& text, uint64_t low,
                       uint64_t high, uint64_t& value) {
  static const std::map<std::string, uint64_t> kUnits = {
      {"", 1}, {"KiB", 1ULL << 10}, {"MiB", 1ULL << 20}, {"GiB", 1ULL << 30}};
  const size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const auto unit = kUnits.find(text.substr(digits));
  uint64_t number = 0;
  if (unit == kUnits.end() || !absl::SimpleAtoi(text.substr(0, digits), &number) ||
      number > high / unit->second || number * unit->second < low) {
    return Wrong(
        path, text,
        absl::StrCat("a whole number from ", low, " to ", high, " (KiB, MiB, GiB may follow)")
            .c_str());
  }
  value = number * unit->second;
  return absl::OkStatus();
}

class KeyTable {
 public:
  explicit KeyTable(Config& config) : c_(config) {
    Paths();
    Limits();
    Learning();
    Rest();
  }
  const std::vector<Key>& keys() const { return keys_; }

 private:
  void Add(const char* path, std::string& value, const std::vector<std::string>& allowed = {}) {
    keys_.push_back({path,
                     [path, &value, allowed](const std::string& text) {
                       if (text.empty() ||
                           (!allowed.empty() &&
                            std::find(allowed.begin(), allowed.end(), text) == allowed.end())) {
                         std::string list = "text";
                         for (const std::string& a : allowed) list += " '" + a + "'";
                         return Wrong(path, text, list.c_str());
                       }
                       value = text;
                       return absl::OkStatus();
                     },
                     [&value] { return value; }});
  }
  // Text that may be empty.
  void AddOptional(const char* path, std::string& value) {
    keys_.push_back({path,
                     [&value](const std::string& text) {
                       value = text;
                       return absl::OkStatus();
                     },
                     [&value] { return value.empty() ? std::string("\"\"") : value; }});
  }
  void AddRetention() {
    constexpr const char* kPath = "retention.payloads";
    keys_.push_back({kPath,
                     [this](const std::string& text) {
                       const auto rules = ParseRetention(text);
                       if (!rules.ok()) {
                         return InvalidField(kPath, absl::StrCat("config refused: ", kPath, ", ",
                                                                 rules.status().message()));
                       }
                       c_.retention.payloads = text;
                       return absl::OkStatus();
                     },
                     [this] { return absl::StrCat("\"", c_.retention.payloads, "\""); }});
  }
  void Add(const char* path, uint64_t& value, uint64_t low, uint64_t high) {
    keys_.push_back(
        {path,
         [=, &value](const std::string& text) { return SetNumber(path, text, low, high, value); },
         [&value] { return absl::StrCat(value); }});
  }
  void Add(const char* path, double& value, double low, double high) {
    keys_.push_back({path,
                     [=, &value](const std::string& text) {
                       double number = 0;
                       if (!absl::SimpleAtod(text, &number) || !(number >= low && number <= high)) {
                         return Wrong(path, text,
                                      absl::StrCat("a number from ", low, " to ", high).c_str());
                       }
                       value = number;
                       return absl::OkStatus();
                     },
                     [&value] { return absl::StrCat(value); }});
  }
  void Add(const char* path, bool& value) {
    keys_.push_back({path,
                     [path, &value](const std::string& text) {
                       if (text != "true" && text != "false") {
                         return Wrong(path, text, "true or false");
                       }
                       value = text == "true";
                       return absl::OkStatus();
                     },
                     [&value] { return std::string(value ? "true" : "false"); }});
  }
  void Add(const char* path, absl::Duration& value) {
    keys_.push_back({path,
                     [path, &value](const std::string& text) {
                       absl::Duration duration;
                       if (!absl::ParseDuration(text, &duration) ||
                           duration <= absl::ZeroDuration()) {
                         return Wrong(path, text, "a duration such as 500ms, 2s, 10m, 24h");
                       }
                       value = duration;
                       return absl::OkStatus();
                     },
                     [&value] { return absl::FormatDuration(value); }});
  }

  void Paths() {
    Add("data_dir", c_.data_dir);
    Add("listen", c_.listen);
    Add("seed", c_.seed, 0, UINT64_MAX);
    Add("log_level", c_.log_level, {"debug", "info", "warn", "error"});
    auto& a = c_.access;
    AddOptional("access.clients_file", a.clients_file);
    AddOptional("access.certificate_file", a.certificate_file);
    AddOptional("access.key_file", a.key_file);
    AddOptional("access.client_ca_file", a.client_ca_file);
    Add("access.insecure", a.insecure);
  }
  void Limits() {
    auto& l = c_.limits;
    Add("limits.message_bytes", l.message_bytes, 1024, 1ULL << 30);
    Add("limits.percepts_per_event", l.percepts_per_event, 1, 254);
    Add("limits.payload_bytes", l.payload_bytes, 1024, 1ULL << 30);
    Add("limits.text_bytes", l.text_bytes, 16, 1 << 20);
    Add("limits.metadata_bytes", l.metadata_bytes, 0, 1 << 20);
    Add("limits.image_pixels", l.image_pixels, 1024, 1ULL << 28);
    Add("limits.audio_seconds", l.audio_seconds, 1, 3600);
    Add("limits.streams", l.streams, 1, 100'000);
    Add("limits.stream_in_flight", l.stream_in_flight, 1, 100'000);
    Add("limits.queue_events", l.queue_events, 1, 1'000'000);
    Add("limits.queue_bytes", l.queue_bytes, 1 << 20, 1ULL << 36);
    Add("limits.recall_queue", l.recall_queue, 1, 1'000'000);
    Add("limits.call_wait", l.call_wait);
    Add("limits.client_events_per_second", l.client_events_per_second, 0, 1e9);
    Add("limits.client_bytes_per_second", l.client_bytes_per_second, 0, 1e12);
    Add("limits.memory_bytes", l.memory_bytes, 0, UINT64_MAX);
    Add("limits.backlog_soft_events", l.backlog_soft_events, 1, UINT64_MAX);
    Add("limits.backlog_events", l.backlog_events, 1, UINT64_MAX);
    Add("limits.disk_free_bytes", l.disk_free_bytes, 0, UINT64_MAX);
    Add("limits.event_ahead", l.event_ahead);
  }
  void Learning() {
    auto& l = c_.learning;
    Add("learning.enabled", l.enabled);
    Add("learning.threads", l.threads, 0, 1024);
    Add("learning.block_episodes", l.block_episodes, 1, 4096);
    Add("learning.steps_per_block", l.steps_per_block, 1, 1000);
    Add("learning.batch_episodes", l.batch_episodes, 2, 8192);
    Add("learning.precision", l.precision);
    Add("learning.replay", l.replay);
    Add("learning.deterministic", l.deterministic);
    Add("learning.flush_after", l.flush_after);
    Add("learning.consolidate_when_idle", l.consolidate_when_idle);
    Add("learning.idle_after", l.idle_after);
    Add("learning.idle_cpu_share", l.idle_cpu_share, 0.01, 1);
    Add("learning.idle_passes_max", l.idle_passes_max, 0, 1e9);
    Add("learning.checkpoint_every", l.checkpoint_every);
  }
  void Rest() {
    auto& e = c_.episodes;
    Add("episodes.gap", e.gap);
    Add("episodes.max_length", e.max_length);
    Add("episodes.lateness", e.lateness);
    Add("episodes.idle_close", e.idle_close);
    Add("episodes.bind_radius", e.bind_radius, 0, 1e12);
    Add("episodes.events_max", e.events_max, 1, 65536);
    Add("episodes.percepts_max", e.percepts_max, 1, 256);
    Add("model.preset", c_.model.preset, {"nano", "small", "base"});
    Add("model.device", c_.model.device);
    Add("generations.probe_share", c_.generations.probe_share, 0, 0.5);
    Add("generations.probe_block", c_.generations.probe_block);
    Generations();
    Add("graph.time_constant", c_.graph.time_constant);
    Add("graph.half_life", c_.graph.half_life);
    Add("snapshots.every", c_.snapshots.every);
    Add("snapshots.keep", c_.snapshots.keep, 1, 10'000);
    Add("snapshots.log_bytes", c_.snapshots.log_bytes, 0, 1ULL << 40);
    AddOptional("backups.dir", c_.backups.dir);
    Add("backups.every", c_.backups.every);
    Add("backups.keep", c_.backups.keep, 1, 10'000);
    AddRetention();
    Add("retention.every", c_.retention.every);
    Add("threads.sense", c_.threads.sense, 1, 256);
    Add("threads.recall", c_.threads.recall, 0, 256);
    Add("storage.block_cache_bytes", c_.storage.block_cache_bytes, 1 << 20, 1ULL << 40);
    Add("storage.write_buffer_bytes", c_.storage.write_buffer_bytes, 1 << 20, 1ULL << 40);
    Add("storage.seal_at", c_.storage.seal_at, 64, 10'000'000);
  }

  void Generations() {
    auto& g = c_.generations;
    Add("generations.probes_max", g.probes_max, 16, 1'000'000);
    Add("generations.probes_judged", g.probes_judged, 16, 100'000);
    Add("generations.automatic", g.automatic);
    Add("generations.publish_on_growth", g.publish_on_growth, 0, 1000);
    Add("generations.publish_on_gain", g.publish_on_gain, 0, 1);
    Add("generations.publish_max_age", g.publish_max_age);
    Add("generations.reembed_max", g.reembed_max, 1, 1e9);
    Add("generations.publish_from", g.publish_from, 2, UINT64_MAX);
  }

  Config& c_;
  std::vector<Key> keys_;
};

// Flattens nested maps to "a.b" → text.
absl::Status Flatten(const YAML::Node& node, const std::string& prefix,
                     std::map<std::string, std::string>& values) {
  for (const auto& entry : node) {
    const std::string path =
        prefix.empty() ? entry.first.Scalar() : prefix + "." + entry.first.Scalar();
    if (entry.second.IsMap()) {
      MM_RETURN_IF_ERROR(Flatten(entry.second, path, values));
    } else if (entry.second.IsScalar()) {
      values[path] = entry.second.Scalar();
    } else {
      return Wrong(path, "a list or nothing", "one value");
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::map<std::string, std::string>> ReadYaml(const std::string& path) {
  std::map<std::string, std::string> values;
  std::ifstream file(path);
  if (!file) {
    return absl::NotFoundError(
        absl::StrCat("config not read: no file '", path, "'; give another --config"));
  }
  try {
    const YAML::Node root = YAML::Load(file);
    if (root.IsNull()) return values;
    if (!root.IsMap()) {
      return absl::InvalidArgumentError(
          absl::StrCat("config refused: '", path, "' is not a map of keys; see mixmatchd.yaml"));
    }
    MM_RETURN_IF_ERROR(Flatten(root, "", values));
  } catch (const YAML::Exception& e) {
    return absl::InvalidArgumentError(
        absl::StrCat("config refused: '", path, "' is not YAML: ", e.what()));
  }
  return values;
}

std::string EnvironmentName(const std::string& path) {
  std::string name = "MIXMATCH_";
  for (const char c : path) {
    name += c == '.' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return name;
}

}  // namespace

absl::StatusOr<Config> LoadConfig(const std::string& path) {
  Config config;
  const KeyTable table(config);
  std::map<std::string, std::string> values;
  if (!path.empty()) {
    MM_ASSIGN_OR_RETURN(values, ReadYaml(path));
  }
  for (const Key& key : table.keys()) {
    const auto value = values.find(key.path);
    if (value != values.end()) {
      MM_RETURN_IF_ERROR(key.set(value->second));
      values.erase(value);
    }
    if (const char* text = std::getenv(EnvironmentName(key.path).c_str())) {
      MM_RETURN_IF_ERROR(key.set(text));
    }
  }
  if (!values.empty()) {
    return InvalidField(values.begin()->first,
                        absl::StrCat("config refused: unknown key '", values.begin()->first,
                                     "'; mixmatchd --check-config prints every key"));
  }
  return config;
}

std::string PrintConfig(const Config& config) {
  Config copy = config;
  const KeyTable table(copy);
  std::string text;
  std::string section;
  for (const Key& key : table.keys()) {
    const size_t dot = key.path.find('.');
    const std::string head = dot == std::string::npos ? "" : key.path.substr(0, dot);
    if (head != section && !head.empty()) absl::StrAppend(&text, head, ":\n");
    section = head;
    absl::StrAppend(&text, head.empty() ? "" : "  ",
                    head.empty() ? key.path : key.path.substr(dot + 1), ": ", key.print(), "\n");
  }
  return text;
}

}  // namespace mixmatch
