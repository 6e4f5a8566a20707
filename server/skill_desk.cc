// Targets become examples; rows become predictions.
#include "server/skill_desk.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "server/convert.h"
#include "server/convert_skills.h"
#include "server/skill_tally.h"

namespace mixmatch {
namespace {

constexpr int kExamplesMax = 1000;
constexpr uint32_t kFilterDefault = 1000;
constexpr uint32_t kFilterMax = 10'000;
constexpr uint32_t kLabelsDefault = 5;
constexpr uint32_t kLabelsMax = 1000;
constexpr uint32_t kSupportMax = 100;

absl::Status CheckExamples(int count) {
  if (count <= kExamplesMax) return absl::OkStatus();
  return InvalidField("examples",
                      absl::StrCat("refused: ", count, " examples; send at most ", kExamplesMax));
}

std::string FieldOfExample(int i) { return absl::StrCat("examples[", i, "]"); }

}  // namespace

absl::StatusOr<v1::CreateSkillResponse> SkillDesk::Create(
    const v1::CreateSkillRequest& request) const {
  MM_ASSIGN_OR_RETURN(SkillSpec spec, FromProto(request.skill()));
  MM_ASSIGN_OR_RETURN(const SkillState state, keeper_->Create(std::move(spec)));
  v1::CreateSkillResponse response;
  *response.mutable_skill() = ToProto(state);
  return response;
}

absl::StatusOr<v1::GetSkillResponse> SkillDesk::Get(const v1::GetSkillRequest& request) const {
  MM_ASSIGN_OR_RETURN(const SkillState state, keeper_->Get(request.name()));
  v1::GetSkillResponse response;
  *response.mutable_skill() = ToProto(state);
  return response;
}

absl::StatusOr<v1::ListSkillsResponse> SkillDesk::List() const {
  v1::ListSkillsResponse response;
  for (const SkillState& state : keeper_->List()) *response.add_skills() = ToProto(state);
  return response;
}

absl::StatusOr<v1::DeleteSkillResponse> SkillDesk::Delete(
    const v1::DeleteSkillRequest& request) const {
  MM_RETURN_IF_ERROR(keeper_->Delete(request.name()));
  return v1::DeleteSkillResponse();
}

absl::StatusOr<SkillDesk::Page> SkillDesk::Events(const v1::ExampleFilter& filter) const {
  if (filter.limit() > kFilterMax) {
    return InvalidField("events.limit", absl::StrCat("refused: ", filter.limit(),
                                                     " events; ask for at most ", kFilterMax));
  }
  const size_t limit = filter.limit() == 0 ? kFilterDefault : filter.limit();
  MM_ASSIGN_OR_RETURN(const EventFilter conditions, FromProto(filter.filter()));
  Page page;
  MM_ASSIGN_OR_RETURN(page.events, log_->List(conditions, filter.after_sequence(), limit + 1,
                                              /*descending=*/false, Detail::kHeader));
  if (page.events.size() > limit) {
    page.events.pop_back();
    page.next_after = page.events.back().seq;
  }
  return page;
}

absl::StatusOr<std::optional<Lesson>> SkillDesk::LessonOf(const SkillSpec& spec,
                                                          const v1::ExampleFilter& filter,
                                                          const Event& event) {
  if (!SkillExamples::Looks(spec, event)) return std::nullopt;
  google::protobuf::RepeatedPtrField<std::string> labels = filter.labels();
  double number = 0;
  if (!filter.metadata_key().empty()) {
    const auto value = event.metadata.find(filter.metadata_key());
    if (value == event.metadata.end()) return std::nullopt;
    if (spec.kind == SkillKind::kNumber) {
      if (!absl::SimpleAtod(value->second, &number) || !std::isfinite(number)) return std::nullopt;
    } else {
      *labels.Add() = value->second;
    }
  }
  absl::StatusOr<Lesson> lesson = LessonFromProto(spec, labels, number, "events");
  if (!lesson.ok()) return lesson.status();
  return std::optional<Lesson>(*std::move(lesson));
}

absl::StatusOr<Seq> SkillDesk::EventOf(const v1::ExampleTarget& target,
                                       const std::string& field) const {
  switch (target.target_case()) {
    case v1::ExampleTarget::kEvent: {
      absl::StatusOr<Seq> seq = reader_.FindEvent(target.event());
      return seq.ok() ? seq : PrefixField(seq.status(), field);
    }
    case v1::ExampleTarget::kSequence:
      return target.sequence();
    default:
      return InvalidField(field, "refused: no example; give an event, a sequence or percepts");
  }
}

absl::StatusOr<ExampleId> SkillDesk::IdOf(const v1::ExampleTarget& target,
                                          const std::string& field) const {
  if (target.target_case() != v1::ExampleTarget::kPercepts) return EventOf(target, field);
  MM_ASSIGN_OR_RETURN(QueryPercepts query,
                      reader_.ReadExample(target.percepts(), absl::StrCat(field, ".percepts")));
  std::vector<FreshPercept> fresh;
  for (Features& features : query.features) {
    fresh.push_back({.percept = {}, .features = std::move(features)});
  }
  return FreshExampleId(fresh);
}

absl::StatusOr<Teaching> SkillDesk::TeachingOf(const SkillSpec& spec,
                                               const v1::TaughtExample& example,
                                               const std::string& field) const {
  Teaching teaching;
  MM_ASSIGN_OR_RETURN(teaching.lesson,
                      LessonFromProto(spec, example.labels(), example.number(), field));
  const v1::ExampleTarget& target = example.example();
  if (target.target_case() == v1::ExampleTarget::kPercepts) {
    MM_ASSIGN_OR_RETURN(QueryPercepts query,
                        reader_.ReadExample(target.percepts(), absl::StrCat(field, ".percepts")));
    bool looked_at = false;
    for (size_t i = 0; i < query.features.size(); ++i) {
      looked_at = looked_at || spec.LooksAt(query.percepts[i].modality);
      teaching.fresh.push_back({std::move(query.percepts[i]), std::move(query.features[i])});
    }
    teaching.example = FreshExampleId(teaching.fresh);
    if (looked_at) return teaching;
  } else {
    MM_ASSIGN_OR_RETURN(teaching.example, EventOf(target, field));
    const absl::StatusOr<LoggedEvent> event = log_->Get(teaching.example, Detail::kHeader);
    if (!event.ok()) return PrefixField(event.status(), field);
    if (SkillExamples::Looks(spec, event->event)) return teaching;
  }
  return InvalidField(field, absl::StrCat("not taught: no percept that skill ", spec.name,
                                          " looks at; give one of its modalities"));
}

absl::StatusOr<v1::TeachResponse> SkillDesk::Teach(const v1::TeachRequest& request) const {
  MM_RETURN_IF_ERROR(CheckExamples(request.examples_size()));
  MM_ASSIGN_OR_RETURN(const SkillState state, keeper_->Get(request.skill()));
  v1::TeachResponse response;
  std::vector<Teaching> teachings;
  for (int i = 0; i < request.examples_size(); ++i) {
    MM_ASSIGN_OR_RETURN(teachings.emplace_back(),
                        TeachingOf(state.spec, request.examples(i), FieldOfExample(i)));
  }
  if (request.has_events()) {
    MM_ASSIGN_OR_RETURN(const Page page, Events(request.events()));
    for (const LoggedEvent& event : page.events) {
      MM_ASSIGN_OR_RETURN(const std::optional<Lesson> lesson,
                          LessonOf(state.spec, request.events(), event.event));
      if (lesson) {
        teachings.push_back({.example = event.seq, .lesson = *lesson});
      } else {
        response.set_skipped_count(response.skipped_count() + 1);
      }
    }
    response.set_next_after_sequence(page.next_after);
  }
  MM_ASSIGN_OR_RETURN(const TeachCounts counts,
                      keeper_->Teach(request.skill(), std::move(teachings)));
  response.set_taught_count(counts.taught);
  response.set_retaught_count(counts.retaught);
  response.set_unchanged_count(counts.unchanged);
  return response;
}

absl::StatusOr<v1::UnteachResponse> SkillDesk::Unteach(const v1::UnteachRequest& request) const {
  MM_RETURN_IF_ERROR(CheckExamples(request.examples_size()));
  v1::UnteachResponse response;
  if (request.all()) {
    MM_ASSIGN_OR_RETURN(const uint64_t count, keeper_->UnteachAll(request.skill()));
    response.set_untaught_count(count);
    return response;
  }
  std::vector<ExampleId> examples;
  for (int i = 0; i < request.examples_size(); ++i) {
    MM_ASSIGN_OR_RETURN(examples.emplace_back(), IdOf(request.examples(i), FieldOfExample(i)));
  }
  if (request.has_events()) {
    MM_ASSIGN_OR_RETURN(const Page page, Events(request.events()));
    for (const LoggedEvent& event : page.events) examples.push_back(event.seq);
    response.set_next_after_sequence(page.next_after);
  }
  MM_ASSIGN_OR_RETURN(const uint64_t count, keeper_->Unteach(request.skill(), examples));
  response.set_untaught_count(count);
  return response;
}

absl::StatusOr<std::vector<float>> SkillDesk::RowOf(const SkillAnswerer& answerer,
                                                    Seq event) const {
  std::vector<float> row(answerer.solution->map->dimension());
  std::vector<bool> readable;
  const ExampleId example = event;
  MM_RETURN_IF_ERROR(examples_->Rows(answerer.spec, {&example, 1}, *answerer.solution->map,
                                     *answerer.space, row, readable));
  if (!readable[0]) {
    return InvalidField("example",
                        absl::StrCat("skill ", answerer.spec.name, " not asked: event ", event,
                                     " has no percept that it looks at, or cannot be read"));
  }
  return row;
}

absl::StatusOr<std::vector<float>> SkillDesk::RowOf(const SkillAnswerer& answerer,
                                                    const v1::ExampleTarget& target,
                                                    const std::string& field) const {
  if (target.target_case() == v1::ExampleTarget::kPercepts) {
    const std::string percepts = absl::StrCat(field, ".percepts");
    MM_ASSIGN_OR_RETURN(const QueryPercepts query,
                        reader_.ReadExample(target.percepts(), percepts));
    return SkillExamples::RowOf(answerer.spec, query, *answerer.solution->map, *answerer.space,
                                percepts);
  }
  MM_ASSIGN_OR_RETURN(const Seq seq, EventOf(target, field));
  MM_RETURN_IF_ERROR(log_->Get(seq, Detail::kHeader).status());
  return RowOf(answerer, seq);
}

absl::StatusOr<v1::PredictResponse> SkillDesk::Predict(const v1::PredictRequest& request) const {
  if (request.labels_max() > kLabelsMax || request.examples_max() > kSupportMax) {
    return InvalidField("labels_max",
                        absl::StrCat("skill not asked: ", request.labels_max(), " labels and ",
                                     request.examples_max(), " examples; ask for at most ",
                                     kLabelsMax, " and ", kSupportMax));
  }
  MM_ASSIGN_OR_RETURN(const SkillAnswerer answerer, keeper_->Answerer(request.skill()));
  MM_ASSIGN_OR_RETURN(const std::vector<float> row, RowOf(answerer, request.example(), "example"));
  const SkillSolution& solution = *answerer.solution;
  const Prediction prediction = solution.solved->Predict(
      row, request.labels_max() == 0 ? kLabelsDefault : request.labels_max(),
      request.examples_max());
  v1::PredictResponse response;
  for (const ScoredOutput& score : prediction.scores) {
    v1::LabelConfidence& added = *response.add_labels();
    added.set_label(solution.labels[static_cast<size_t>(score.output)]);
    added.set_confidence(score.confidence);
  }
  response.set_number(prediction.number);
  response.set_number_error(prediction.number_error);
  response.set_unknown(prediction.unknown);
  response.set_familiarity(prediction.familiarity);
  for (const uint64_t example : prediction.examples) {
    v1::SupportingExample& added = *response.add_examples();
    if ((example & kFreshExample) == 0) {
      added.set_sequence(example);
      const absl::StatusOr<LoggedEvent> event = log_->Get(example, Detail::kHeader);
      if (!absl::IsNotFound(event.status())) {  // forgotten since
        MM_RETURN_IF_ERROR(event.status());
        added.mutable_event()->set_source(event->event.source);
        added.mutable_event()->set_event_id(event->event.event_id);
      }
    }
    if (const auto lesson = keeper_->LessonOf(request.skill(), example)) {
      added.mutable_labels()->Add(lesson->labels.begin(), lesson->labels.end());
      added.set_number(lesson->number);
    }
  }
  response.set_generation(solution.generation);
  response.set_feature_map(ToProto(solution.map->kind()));
  return response;
}

absl::StatusOr<v1::EvaluateResponse> SkillDesk::Evaluate(const v1::EvaluateRequest& request) const {
  MM_RETURN_IF_ERROR(CheckExamples(request.examples_size()));
  MM_ASSIGN_OR_RETURN(const SkillAnswerer answerer, keeper_->Answerer(request.skill()));
  SkillTally tally(answerer.spec, *answerer.solution);
  v1::EvaluateResponse response;
  for (int i = 0; i < request.examples_size(); ++i) {
    const v1::TaughtExample& example = request.examples(i);
    const std::string field = FieldOfExample(i);
    MM_ASSIGN_OR_RETURN(const Lesson truth,
                        LessonFromProto(answerer.spec, example.labels(), example.number(), field));
    MM_ASSIGN_OR_RETURN(const std::vector<float> row, RowOf(answerer, example.example(), field));
    tally.Count(truth, row);
  }
  if (request.has_events()) {
    MM_ASSIGN_OR_RETURN(const Page page, Events(request.events()));
    for (const LoggedEvent& event : page.events) {
      MM_ASSIGN_OR_RETURN(const std::optional<Lesson> truth,
                          LessonOf(answerer.spec, request.events(), event.event));
      const absl::StatusOr<std::vector<float>> row =
          truth ? RowOf(answerer, event.seq) : absl::StatusOr<std::vector<float>>();
      if (row.ok()) {
        tally.Count(*truth, *row);
      } else {
        response.set_skipped_count(response.skipped_count() + 1);
      }
    }
    response.set_next_after_sequence(page.next_after);
  }
  tally.Fill(response);
  return response;
}

}  // namespace mixmatch
