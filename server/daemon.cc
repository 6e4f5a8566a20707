// Wiring, top to bottom in the order in which data flows.
#include "server/daemon.h"

#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <spdlog/spdlog.h>

#include <filesystem>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/clock.h"
#include "core/base/status.h"
#include "core/encoder/encoder.h"
#include "server/access/audit.h"
#include "server/admin_service.h"
#include "server/damaged_service.h"
#include "server/database_healer.h"
#include "server/disk_guard.h"
#include "server/follower.h"
#include "server/forget_desk.h"
#include "server/graph_desk.h"
#include "server/graph_keeper.h"
#include "server/graph_service.h"
#include "server/ingest_pipeline.h"
#include "server/learning_loop.h"
#include "server/listener.h"
#include "server/memory_guard.h"
#include "server/memory_service.h"
#include "server/pending.h"
#include "server/recaller.h"
#include "server/retention_keeper.h"
#include "server/skill_desk.h"
#include "server/skill_examples.h"
#include "server/skill_keeper.h"
#include "server/skills_service.h"
#include "server/snapshot_desk.h"
#include "server/snapshots_service.h"
#include "server/table_merger.h"
#include "server/version.h"
#include "server/watermarks.h"
#include "server/worker_pool.h"
#include "storage/database.h"
#include "storage/episode_table.h"
#include "storage/event_log.h"
#include "storage/forgetting.h"
#include "storage/generation_table.h"
#include "storage/graph_table.h"
#include "storage/index/spaces.h"
#include "storage/skill_table.h"
#include "storage/snapshots.h"

namespace mixmatch {
namespace {

constexpr absl::Duration kDrainTime = absl::Seconds(5);
constexpr size_t kAdminThreads = 2;
constexpr size_t kAdminQueue = 64;

absl::StatusOr<std::unique_ptr<Database>> OpenDatabase(const Config& config) {
  return Database::Open(config.data_dir + "/db",
                        {.block_cache_bytes = config.storage.block_cache_bytes,
                         .write_buffer_bytes = config.storage.write_buffer_bytes});
}

}  // namespace

struct Daemon::Parts {
  SystemClock clock;
  std::unique_ptr<Database> database;
  std::unique_ptr<DatabaseHealer> healer;
  std::unique_ptr<DiskGuard> disk;
  std::unique_ptr<TableMerger> tables;
  std::unique_ptr<MemoryGuard> memory;
  std::unique_ptr<EventLog> log;
  std::unique_ptr<EpisodeTable> episodes;
  std::unique_ptr<GenerationTable> generation_table;
  std::unique_ptr<EmbeddingSpaces> spaces;
  std::unique_ptr<Generations> generations;
  std::unique_ptr<SkillTable> skill_table;
  std::unique_ptr<SkillExamples> skill_examples;
  std::unique_ptr<SkillKeeper> skills;
  std::unique_ptr<GraphTable> graph_table;
  std::unique_ptr<GraphKeeper> graph;
  std::unique_ptr<Watermarks> watermarks;
  std::unique_ptr<CatchUp> catch_up;
  std::unique_ptr<LearningLoop> learning;
  std::unique_ptr<IngestPipeline> pipeline;
  std::unique_ptr<Follower> follower;
  std::unique_ptr<Recaller> recaller;
  std::unique_ptr<SkillDesk> skill_desk;
  std::unique_ptr<GraphDesk> graph_desk;
  std::unique_ptr<WorkerPool> query_pool;
  std::unique_ptr<WorkerPool> admin_pool;
  std::unique_ptr<MemoryService> memory_service;
  std::unique_ptr<AdminService> admin_service;
  std::unique_ptr<SkillsService> skills_service;
  std::unique_ptr<GraphService> graph_service;
  std::unique_ptr<SnapshotDesk> snapshot_desk;
  std::unique_ptr<ForgetDesk> forget_desk;
  std::string not_forgotten;
  std::unique_ptr<SnapshotsService> snapshots_service;
  std::unique_ptr<DamagedService> damaged_service;
  std::unique_ptr<AuditLog> audit;
  std::unique_ptr<RetentionKeeper> retention;
  std::unique_ptr<grpc::Server> server;
  // The follower starts after the pipeline that wakes it, and ends before it.
  std::atomic<Follower*> wake{nullptr};
};

Daemon::Daemon(std::function<void()> restart)
    : restart_(std::move(restart)), parts_(std::make_unique<Parts>()) {}

Daemon::~Daemon() { Drain(); }

absl::StatusOr<std::unique_ptr<Daemon>> Daemon::Start(const Config& config,
                                                      std::function<void()> restart) {
  std::unique_ptr<Daemon> daemon(new Daemon(std::move(restart)));
  const absl::Status opened = daemon->Open(config);
  if (absl::IsDataLoss(opened)) {
    daemon->Drain();
    MM_RETURN_IF_ERROR(daemon->ListenDamaged(config, opened));
    return daemon;
  }
  MM_RETURN_IF_ERROR(opened);
  MM_RETURN_IF_ERROR(daemon->Listen(config));
  return daemon;
}

// What was asked for and does not work out is tried again at the next start.
absl::StatusOr<bool> Daemon::Forget(const Config& config) {
  Parts& p = *parts_;
  const auto forgotten = ForgetAsAsked(p.database.get(), [](std::string_view part, uint64_t) {
    spdlog::info("forgetting: {}", part);
  });
  if (forgotten.ok() && !*forgotten) return false;
  if (forgotten.ok()) {
    spdlog::info("{} events are forgotten, with {} lessons", (*forgotten)->events,
                 (*forgotten)->lessons);
  } else {
    p.not_forgotten = absl::StrCat("not forgotten yet: ", std::string(forgotten.status().message()),
                                   "; mend it and start again");
    spdlog::error("{}", p.not_forgotten);
    if (p.database->health().ok()) return false;
  }
  // Names of what was forgotten are among the limits of files in the MANIFEST, which is made anew;
  // and a database that cannot be written any more is to be opened again.
  p.database.reset();
  MM_ASSIGN_OR_RETURN(p.database, OpenDatabase(config));
  return forgotten.ok();
}

void Daemon::EndForget() {
  Parts& p = *parts_;
  auto changed = EpisodesToEmbed(p.database.get());
  absl::Status done = changed.status();
  if (done.ok()) done = p.generations->EmbedAgain(*changed);
  if (done.ok()) done = EndForgetting(p.database.get());
  if (!done.ok()) {
    p.not_forgotten = absl::StrCat("episodes are not embedded again after forgetting: ",
                                   std::string(done.message()), "; tried at the next start");
    spdlog::error("{}", p.not_forgotten);
  }
}

absl::Status Daemon::Open(const Config& config) {
  Parts& p = *parts_;
  std::error_code error;
  std::filesystem::create_directories(config.data_dir, error);
  if (error) {
    return absl::FailedPreconditionError(absl::StrCat("data directory not made: ", config.data_dir,
                                                      ": ", error.message(),
                                                      "; give another data_dir"));
  }
  const auto restored = Snapshots(config.data_dir).FinishRestore(p.clock.Now(), kVersion);
  if (absl::IsDataLoss(restored.status())) {
    spdlog::error("not restored, goes on with what is there: {}",
                  std::string(restored.status().message()));
  } else {
    MM_RETURN_IF_ERROR(restored.status());
    if (!restored->empty()) spdlog::info("snapshot {} is restored", *restored);
  }
  MM_ASSIGN_OR_RETURN(const ModelConfig model, ModelConfigOf(config.model.preset, config.seed));
  MM_ASSIGN_OR_RETURN(p.database, OpenDatabase(config));
  MM_ASSIGN_OR_RETURN(const bool forgets, Forget(config));
  p.healer = std::make_unique<DatabaseHealer>(p.database.get(), restart_);
  p.disk = std::make_unique<DiskGuard>(config.limits.disk_free_bytes,
                                       [folder = config.data_dir] { return FreeBytes(folder); });
  p.tables = std::make_unique<TableMerger>(p.database.get(), p.disk.get());
  MM_ASSIGN_OR_RETURN(p.log, EventLog::Open(p.database.get()));
  MM_ASSIGN_OR_RETURN(
      p.episodes, EpisodeTable::Open(p.database.get(), p.log.get(), config.episodes.percepts_max));
  // The binding configuration is ground state: a change holds from here on.
  MM_ASSIGN_OR_RETURN(const BinderState bound, p.episodes->LoadBinder());
  if (p.log->last_seq() == 0 || bound.config != BindingConfigOf(config)) {
    MM_RETURN_IF_ERROR(p.log->AppendBindingConfig(BindingConfigOf(config), p.clock.Now()).status());
  }
  p.generation_table = std::make_unique<GenerationTable>(p.database.get());
  p.spaces = MakeEmbeddingSpaces(
      p.database.get(), {.seal_at = config.storage.seal_at, .lists_from = config.storage.seal_at});
  MM_ASSIGN_OR_RETURN(
      p.generations, Generations::Open(model, p.generation_table.get(), p.spaces.get(), p.log.get(),
                                       p.episodes.get(), &p.clock));
  p.catch_up = std::make_unique<CatchUp>(p.log->last_seq(), p.generations->serving()->dropped);
  if (forgets) EndForget();
  p.skill_table = std::make_unique<SkillTable>(p.database.get());
  p.skill_examples = std::make_unique<SkillExamples>(p.log.get(), p.skill_table.get());
  MM_ASSIGN_OR_RETURN(p.skills, SkillKeeper::Open({.table = p.skill_table.get(),
                                                   .examples = p.skill_examples.get(),
                                                   .generations = p.generations.get(),
                                                   .disk = p.disk.get(),
                                                   .clock = &p.clock}));
  p.generations->SetBeforeSwap(
      [&p](const std::shared_ptr<const Space>& next) { p.skills->Prepare(next); });
  p.graph_table = std::make_unique<GraphTable>(p.database.get());
  p.graph = std::make_unique<GraphKeeper>(
      GraphKeeper::Parts{.log = p.log.get(),
                         .episodes = p.episodes.get(),
                         .generations = p.generations.get(),
                         .table = p.graph_table.get(),
                         .associations = {.time_constant = config.graph.time_constant,
                                          .half_life = config.graph.half_life}});
  p.watermarks = std::make_unique<Watermarks>(p.log.get(), p.episodes.get(), p.generations.get());
  p.learning = std::make_unique<LearningLoop>(
      config, model,
      LearningLoop::Parts{.database = p.database.get(),
                          .episodes = p.episodes.get(),
                          .store = p.generation_table.get(),
                          .generations = p.generations.get(),
                          .watermarks = p.watermarks.get(),
                          .log = p.log.get(),
                          .clock = &p.clock,
                          .skill_scores = [&p](const Encoder& candidate, const Encoder& serving) {
                            return p.skills->Scores(candidate, serving);
                          }});
  p.memory = std::make_unique<MemoryGuard>(MemoryBudget(config.limits.memory_bytes), ResidentBytes);
  p.pipeline = std::make_unique<IngestPipeline>(
      config,
      IngestPipeline::Parts{
          .log = p.log.get(), .disk = p.disk.get(), .memory = p.memory.get(), .clock = &p.clock},
      [&p] {
        Follower* const follower = p.wake.load();
        if (follower != nullptr) follower->Wake();
      });
  p.follower = std::make_unique<Follower>(
      config,
      Follower::Parts{.log = p.log.get(),
                      .episodes = p.episodes.get(),
                      .generations = p.generations.get(),
                      .watermarks = p.watermarks.get()},
      [&p](const std::string& scene) { p.pipeline->SubmitIdleClose(scene); },
      [&p](bool goes_on) {
        const bool held_back = p.pipeline->HoldsBack();
        p.pipeline->SetFollowed(p.watermarks->Get().recallable, goes_on);
        p.watermarks->Publish();
        (void)p.catch_up->Check(ReachedNow(*p.generations->serving(), *p.episodes, *p.log));
        if (held_back && !p.pipeline->HoldsBack()) p.watermarks->Nudge();  // streams read again
        p.learning->Wake();
      });
  MM_RETURN_IF_ERROR(p.follower->Start());
  p.wake.store(p.follower.get());
  p.skills->Start();
  p.graph->Start();
  MM_RETURN_IF_ERROR(p.learning->Start());
  return absl::OkStatus();
}

absl::Status Daemon::Listen(const Config& config) {
  Parts& p = *parts_;
  MM_ASSIGN_OR_RETURN(p.audit, AuditLog::Open(config.data_dir + "/audit.log", &p.clock));
  p.recaller = std::make_unique<Recaller>(config, p.log.get(), p.episodes.get(),
                                          p.generations.get(), &p.clock);
  p.query_pool = std::make_unique<WorkerPool>(
      WorkerPoolOptions{.name = "recall",
                        .threads = config.threads.recall,
                        .queue_max = config.limits.recall_queue,
                        .patience = config.limits.call_wait,
                        .admit = [&p] { return p.memory->CheckCall(); }});
  p.admin_pool = std::make_unique<WorkerPool>(
      WorkerPoolOptions{.name = "admin", .threads = kAdminThreads, .queue_max = kAdminQueue});
  const double gflops = MeasureMatmulGflops();
  spdlog::info("matrix products run at {:.0f} GFLOP/s", gflops);
  p.memory_service = std::make_unique<MemoryService>(
      config, MemoryService::Parts{.pipeline = p.pipeline.get(),
                                   .recaller = p.recaller.get(),
                                   .watermarks = p.watermarks.get(),
                                   .pool = p.query_pool.get(),
                                   .clock = &p.clock,
                                   .recalled = [&p] { p.learning->NoteRecall(); }});
  p.snapshot_desk =
      std::make_unique<SnapshotDesk>(config, SnapshotDesk::Parts{.database = p.database.get(),
                                                                 .log = p.log.get(),
                                                                 .generations = p.generations.get(),
                                                                 .disk = p.disk.get(),
                                                                 .clock = &p.clock,
                                                                 .restart = restart_});
  p.forget_desk = std::make_unique<ForgetDesk>(ForgetDesk::Parts{.database = p.database.get(),
                                                                 .log = p.log.get(),
                                                                 .generations = p.generations.get(),
                                                                 .copies = p.snapshot_desk.get(),
                                                                 .clock = &p.clock,
                                                                 .restart = restart_});
  p.admin_service =
      std::make_unique<AdminService>(config, AdminService::Parts{.database = p.database.get(),
                                                                 .log = p.log.get(),
                                                                 .episodes = p.episodes.get(),
                                                                 .generations = p.generations.get(),
                                                                 .watermarks = p.watermarks.get(),
                                                                 .follower = p.follower.get(),
                                                                 .catch_up = p.catch_up.get(),
                                                                 .disk = p.disk.get(),
                                                                 .memory = p.memory.get(),
                                                                 .learning = p.learning.get(),
                                                                 .forget = p.forget_desk.get(),
                                                                 .not_forgotten = p.not_forgotten,
                                                                 .pool = p.admin_pool.get(),
                                                                 .clock = &p.clock,
                                                                 .start_time = p.clock.Now(),
                                                                 .matmul_gflops = gflops});
  p.skill_desk =
      std::make_unique<SkillDesk>(config, p.log.get(), p.skills.get(), p.skill_examples.get());
  p.skills_service = std::make_unique<SkillsService>(p.skill_desk.get(), p.query_pool.get());
  p.graph_desk = std::make_unique<GraphDesk>(config, p.log.get(), p.graph.get(), p.recaller.get());
  p.graph_service = std::make_unique<GraphService>(p.graph_desk.get(), p.query_pool.get());
  p.snapshots_service =
      std::make_unique<SnapshotsService>(p.snapshot_desk.get(), p.admin_pool.get());
  MM_ASSIGN_OR_RETURN(
      Listening listening,
      mixmatch::Listen(config, &p.clock, p.audit.get(),
                       {p.memory_service.get(), p.admin_service.get(), p.skills_service.get(),
                        p.graph_service.get(), p.snapshots_service.get()},
                       nullptr));
  p.server = std::move(listening.server);
  address_ = listening.address;
  MM_ASSIGN_OR_RETURN(std::vector<RetentionRule> rules, ParseRetention(config.retention.payloads));
  p.retention = std::make_unique<RetentionKeeper>(std::move(rules), config.retention.every,
                                                  p.database.get(), p.audit.get(), &p.clock);
  for (const char* const service : {"Memory", "Admin", "Skills", "Graph", "Snapshots"}) {
    p.server->GetHealthCheckService()->SetServingStatus(absl::StrCat("mixmatch.v1.", service),
                                                        true);
  }
  return absl::OkStatus();
}

absl::Status Daemon::ListenDamaged(const Config& config, const absl::Status& damage) {
  spdlog::error("{}; stays up for the status and for snapshots alone",
                std::string(damage.message()));
  parts_ = std::make_unique<Parts>();
  Parts& p = *parts_;
  MM_ASSIGN_OR_RETURN(p.audit, AuditLog::Open(config.data_dir + "/audit.log", &p.clock));
  p.admin_pool = std::make_unique<WorkerPool>(
      WorkerPoolOptions{.name = "admin", .threads = kAdminThreads, .queue_max = kAdminQueue});
  p.snapshot_desk = std::make_unique<SnapshotDesk>(
      config, SnapshotDesk::Parts{.damage = damage, .clock = &p.clock, .restart = restart_});
  p.snapshots_service =
      std::make_unique<SnapshotsService>(p.snapshot_desk.get(), p.admin_pool.get());
  p.damaged_service = std::make_unique<DamagedService>(damage, p.clock.Now());
  MM_ASSIGN_OR_RETURN(Listening listening,
                      mixmatch::Listen(config, &p.clock, p.audit.get(), {p.snapshots_service.get()},
                                       p.damaged_service.get()));
  p.server = std::move(listening.server);
  address_ = listening.address;
  p.server->GetHealthCheckService()->SetServingStatus(false);
  return absl::OkStatus();
}

void Daemon::Drain() {
  if (parts_ == nullptr) return;
  Parts& p = *parts_;
  if (p.server != nullptr) {
    p.server->GetHealthCheckService()->SetServingStatus(false);
    if (p.memory_service != nullptr) p.memory_service->Drain();
  }
  if (p.snapshot_desk != nullptr) p.snapshot_desk->Stop();
  if (p.skills != nullptr) p.skills->Stop();
  if (p.graph != nullptr) p.graph->Stop();
  if (p.learning != nullptr) p.learning->Stop();
  if (p.server != nullptr) {
    p.server->Shutdown(absl::ToChronoTime(absl::Now() + kDrainTime));
    p.server->Wait();
    p.server.reset();
  }
  p.query_pool.reset();
  p.admin_pool.reset();
  p.snapshot_desk.reset();
  p.wake.store(nullptr);
  if (p.follower != nullptr) p.follower->Stop();
  p.pipeline.reset();
  parts_.reset();
}

}  // namespace mixmatch
