// mixmatchctl status: the daemon at one glance.
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "clients/cli/commands.h"
#include "clients/cli/format.h"
#include "clients/cli/table.h"

namespace mixmatch::cli {
namespace {

std::string Words(const v1::GetStatusResponse& status) {
  const v1::LearningStatus& learning = status.learning();
  std::string state = v1::LearningStatus::State_Name(learning.state());
  for (char& c : state) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  return absl::StrCat(state, ", ", learning.preset(), " with ",
                      CountText(learning.parameter_count()), " parameters on ", learning.device());
}

// "12.3 % of the time; accuracy 0.912, forgetting +0.013, backward transfer +0.021".
std::string LearnedText(const v1::LearningSummary& summary) {
  const v1::ContinualMeasures& measures = summary.measures();
  std::string text =
      absl::StrCat(NumberText(100 * summary.learning_time_share(), 1), " % of the time");
  if (measures.has_average_accuracy()) {
    absl::StrAppend(&text, "; accuracy ", NumberText(measures.average_accuracy(), 3));
  }
  if (measures.has_forgetting()) {
    absl::StrAppend(&text, absl::StrFormat(", forgetting %+.3f", measures.forgetting()));
  }
  if (measures.has_backward_transfer()) {
    absl::StrAppend(&text,
                    absl::StrFormat(", backward transfer %+.3f", measures.backward_transfer()));
  }
  return text;
}

void PrintFacts(const v1::GetStatusResponse& status, std::ostream& out) {
  const v1::LearningStatus& learning = status.learning();
  const v1::Watermarks& marks = status.watermarks();
  Table table({{"mixmatchd"}, {status.version()}});
  table.AddRow({"started", TimeText(status.start_time())});
  table.AddRow({"events", CountText(status.event_count())});
  table.AddRow({"episodes", absl::StrCat(CountText(status.episode_count()), ", ",
                                         CountText(status.open_episode_count()), " open, ",
                                         CountText(learning.episodes_probe()), " probes")});
  table.AddRow({"watermarks", absl::StrCat("durable ", CountText(marks.durable()), ", recallable ",
                                           CountText(marks.recallable()), ", learned ",
                                           CountText(marks.learned()), ", served ",
                                           CountText(marks.served_learned()))});
  table.AddRow({"learner", Words(status)});
  table.AddRow({"steps", absl::StrCat(CountText(learning.steps_total()), " (stream ",
                                      CountText(learning.steps_stream()), ", consolidation ",
                                      CountText(learning.steps_consolidation()), "), ",
                                      NumberText(learning.steps_per_s(), 1), "/s, loss ",
                                      NumberText(learning.loss(), 3))});
  table.AddRow({"learning", LearnedText(status.learning_summary())});
  table.AddRow(
      {"waiting to learn", absl::StrCat(CountText(learning.episodes_waiting()), " of ",
                                        CountText(learning.episodes_trainable()), " episodes")});
  table.AddRow(
      {"generation", absl::StrCat(status.serving().number(), ", ",
                                  CountText(status.serving().embedding_count()), " embeddings")});
  table.AddRow({"memory", BytesText(status.resident_bytes())});
  table.AddRow({"disk", BytesText(status.disk_bytes())});
  table.AddRow({"matrix products",
                absl::StrCat(NumberText(status.matmul_gflops(), 0), " GFLOP/s per thread")});
  table.Print(out);
}

void PrintLearning(const v1::GetStatusResponse& status, std::ostream& out) {
  const v1::LearningSummary& summary = status.learning_summary();
  if (summary.pairs().empty()) return;
  Table table({{"loss of"}, {"now", Table::Align::kRight}});
  for (const v1::PairLoss& pair : summary.pairs()) {
    table.AddRow({pair.pair(), NumberText(pair.loss(), 3)});
  }
  out << '\n';
  table.Print(out);
}

void PrintModalities(const v1::GetStatusResponse& status, std::ostream& out) {
  Table table({{"modality"},
               {"kind"},
               {"shape", Table::Align::kRight},
               {"percepts", Table::Align::kRight}});
  for (const v1::ModalityStatus& modality : status.modalities()) {
    table.AddRow({modality.name(), modality.kind(),
                  modality.dimension() > 0 ? absl::StrCat(modality.dimension()) : "",
                  CountText(modality.percept_count())});
  }
  if (table.empty()) return;
  out << '\n';
  table.Print(out);
}

int RunStatus(const Session& session) {
  const absl::StatusOr<client::Client> client = session.Connect();
  if (!client.ok()) return session.Misused(client.status());
  const absl::StatusOr<v1::GetStatusResponse> status = client->GetStatus();
  if (!status.ok()) return session.Fail("status", status.status());
  if (session.json) {
    session.PrintJson(*status);
    return kExitOk;
  }
  PrintFacts(*status, session.out());
  PrintModalities(*status, session.out());
  PrintLearning(*status, session.out());
  if (status->has_publishing()) {
    session.out() << "\npublishing: "
                  << v1::PublishGenerationResponse::Phase_Name(status->publishing().phase()) << ", "
                  << CountText(status->publishing().done_count()) << " of "
                  << CountText(status->publishing().total_count()) << '\n';
  }
  for (const std::string& warning : status->warnings()) {
    session.out() << "\nwarning: " << Printable(warning, 1000) << '\n';
  }
  return kExitOk;
}

}  // namespace

void AddStatus(CLI::App* app, Session* session) {
  RunBy(app->add_subcommand("status", "Show the daemon's state"), session, RunStatus);
}

}  // namespace mixmatch::cli
