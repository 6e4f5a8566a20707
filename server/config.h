// The daemon's configuration: every key with its default and consequence.
//
// Read from YAML, then from the environment (MIXMATCH_LISTEN for `listen`, MIXMATCH_MODEL_PRESET
// for `model.preset`, …), then from flags. An unknown key is an error. deploy/mixmatchd.yaml shows
// every key.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace mixmatch {

struct Config {
  std::string data_dir = "/var/lib/mixmatch";
  std::string listen = "127.0.0.1:7077";  // HOST:PORT, port 0 for a free one, or unix:PATH
  uint64_t seed = 1;
  std::string log_level = "info";

  // Files of PEM; empty: none.
  struct Access {
    std::string clients_file;      // who may call, by token or certificate; empty: everyone
    std::string certificate_file;  // of the daemon, with its chain; empty: no TLS
    std::string key_file;
    std::string client_ca_file;  // whose certificates clients must show; empty: none is asked for
    bool insecure = false;       // listen where others reach it, without TLS and clients_file
  } access;

  struct Limits {
    uint64_t message_bytes = 16 << 20;  // of one gRPC message
    uint64_t percepts_per_event = 32;
    uint64_t payload_bytes = 8 << 20;  // of one audio or image payload
    uint64_t text_bytes = 64 << 10;
    uint64_t metadata_bytes = 64 << 10;  // of one event
    uint64_t image_pixels = 16 << 20;    // before resizing
    uint64_t audio_seconds = 30;
    uint64_t streams = 256;            // concurrent calls of one connection
    uint64_t stream_in_flight = 512;   // events of one stream without a result
    uint64_t queue_events = 8192;      // of all streams without a result
    uint64_t queue_bytes = 256 << 20;  // of their payloads
    uint64_t recall_queue = 1024;      // calls waiting for a thread
    // How long a call waits for a thread at most; a two-hundredth of it while there is more than
    // can be done, and after that at most a fortieth of the time since.
    absl::Duration call_wait = absl::Milliseconds(500);
    double client_events_per_second = 0;  // of one client; 0: as many as it likes
    double client_bytes_per_second = 0;
    uint64_t memory_bytes = 0;  // resident; 0: three quarters of the machine's or the container's
    // Durable and not yet recallable. At the first, streams are not read, as long as following goes
    // on and has caught up since the start; most calls are refused at what is followed in 2 s, or
    // 8,192, if that is less. At the other everything is refused.
    uint64_t backlog_soft_events = 100'000;
    uint64_t backlog_events = 10'000'000;
    uint64_t disk_free_bytes = 256 << 20;          // with less left, nothing new is taken in
    absl::Duration event_ahead = absl::Hours(24);  // of the daemon's clock
  } limits;

  struct Episodes {
    absl::Duration gap = absl::Seconds(1);
    absl::Duration max_length = absl::Seconds(30);
    absl::Duration lateness = absl::Seconds(1);
    absl::Duration idle_close = absl::Seconds(5);
    double bind_radius = 0;
    uint64_t events_max = 256;
    uint64_t percepts_max = 16;  // of one episode that learning and its embedding look at
  } episodes;

  struct Model {
    std::string preset = "nano";
    std::string device = "auto";
  } model;

  struct Learning {
    bool enabled = true;
    uint64_t threads = 0;            // 0: all cores but one, at least one
    uint64_t block_episodes = 8;     // new ones in a step
    uint64_t steps_per_block = 1;    // with the same new ones
    uint64_t batch_episodes = 64;    // of a step: the block, the rest replayed
    std::string precision = "auto";  // of products: auto, fp32, bf16
    bool replay = true;              // false forgets; to measure what replay is worth
    bool deterministic = false;      // steps follow the log alone, on one thread
    absl::Duration flush_after = absl::Seconds(2);  // a block that does not fill is taken
    bool consolidate_when_idle = true;
    absl::Duration idle_after = absl::Seconds(10);
    double idle_cpu_share = 0.5;  // of the time, while nothing else is asked for
    double idle_passes_max = 20;  // replays of the average episode, after which it rests
    absl::Duration checkpoint_every = absl::Seconds(30);
  } learning;

  struct GenerationKeys {
    double probe_share = 0.05;
    absl::Duration probe_block = absl::Seconds(10);
    uint64_t probes_max = 4096;     // held out at most; the surplus is trained on
    uint64_t probes_judged = 1024;  // by the gate, of those held out
    bool automatic = true;          // false: by command alone
    // Automatic publishing; each is off at 0.
    double publish_on_growth = 1.5;  // times the episodes learned, or the steps made
    double publish_on_gain = 0.01;   // mean rank of the true partner over the probes
    absl::Duration publish_max_age = absl::Hours(1);  // of what serves, when something was learned
    double reembed_max = 4;      // embeddings that publishing may make for each one stored
    uint64_t publish_from = 64;  // episodes learned before the first automatic publish
  } generations;

  struct GraphKeys {
    absl::Duration time_constant = absl::Seconds(5);  // in which one thing follows another
    absl::Duration half_life = absl::Hours(24 * 90);  // of associations; infinite: none fades
  } graph;

  struct SnapshotKeys {
    absl::Duration every = absl::InfiniteDuration();  // infinite: by command alone
    uint64_t keep = 7;                                // of those made by the clock
    uint64_t log_bytes = 64 << 20;  // of RocksDB's log, copied as it is; tables are written of more
  } snapshots;

  struct BackupKeys {
    std::string dir;                                  // on another disk; empty: no backups
    absl::Duration every = absl::InfiniteDuration();  // infinite: by command alone
    uint64_t keep = 7;                                // the newest, of all
  } backups;

  // Off unless its owner asks: nothing is erased.
  struct RetentionKeys {
    std::string payloads;                      // MODALITY[@SOURCE]=AGE, …; empty: all are kept
    absl::Duration every = absl::Minutes(10);  // how often it is looked for what is too old
  } retention;

  struct Threads {
    uint64_t sense = 2;   // decoding
    uint64_t recall = 0;  // queries; 0: as many as cores that the daemon may use
  } threads;

  struct Storage {
    uint64_t block_cache_bytes = 128 << 20;
    uint64_t write_buffer_bytes = 64 << 20;
    uint64_t seal_at = 16384;  // embeddings in the exact, growing segment of a modality
  } storage;
};

// Reads `path` (empty: defaults alone) and the environment. INVALID_ARGUMENT names the key, what
// was found and what is allowed; NOT_FOUND when there is no such file.
absl::StatusOr<Config> LoadConfig(const std::string& path);

// Every key with its value in force, as YAML.
std::string PrintConfig(const Config& config);

}  // namespace mixmatch
