// What can be asked of recall besides likeness, against a loop over all answers.
#include <gmock/gmock.h>
#include <google/protobuf/util/time_util.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "test_daemon.h"

namespace mixmatch {
namespace {

using ::google::protobuf::util::TimeUtil;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using ::testing::SizeIs;

// How the tests know an answer: its percept's word.
std::string WordOf(const v1::Experience& experience) {
  return experience.event().event().percepts(0).text().text();
}

std::vector<std::string> Words(const v1::RecallResponse& response) {
  std::vector<std::string> words;
  for (const v1::Experience& experience : response.experiences()) {
    words.push_back(WordOf(experience));
  }
  return words;
}

// 60 words, two of an episode, a second apart up to the present.
class RecallOptionsTest : public ::testing::Test {
 protected:
  static constexpr int kWords = 60;

  RecallOptionsTest() : daemon_("learning: {enabled: false}\n") {}

  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(daemon_.Start());
    start_ = absl::Now() - absl::Seconds(kWords);
    std::vector<v1::Event> events;
    for (int i = 0; i < kWords; ++i) events.push_back(WordEvent(i));
    Ingest(daemon_, events);
    daemon_.AwaitWatermarks([](const v1::Watermarks& w) { return w.recallable() >= kWords; });
    for (int i = 0; i < kWords; ++i) points_[Word(i)] = Embed(Word(i));
  }

  static std::string Word(int i) { return absl::StrCat("word", i % 20, "-", i * 7919 % 1000); }

  v1::Event WordEvent(int i) const {
    v1::Event event = TextEvent(absl::StrCat(i), Word(i), 0, absl::StrCat("scene", i / 2));
    *event.mutable_time() =
        TimeUtil::NanosecondsToTimestamp(absl::ToUnixNanos(start_ + absl::Seconds(i)));
    return event;
  }

  std::vector<float> Embed(const std::string& word) {
    grpc::ClientContext context;
    SetDeadline(context);
    v1::EmbedRequest request;
    request.mutable_percepts()->add_percepts()->mutable_text()->set_text(word);
    v1::EmbedResponse response;
    EXPECT_TRUE(daemon_.memory().Embed(&context, request, &response).ok());
    return {response.embedding().values().begin(), response.embedding().values().end()};
  }

  v1::RecallRequest Ask(const std::string& word, uint32_t k) const {
    v1::RecallRequest request;
    request.mutable_query()->mutable_percepts()->add_percepts()->mutable_text()->set_text(word);
    request.add_modalities("text");
    request.set_k(k);
    return request;
  }

  v1::RecallResponse Recall(const v1::RecallRequest& request) {
    grpc::ClientContext context;
    SetDeadline(context);
    v1::RecallResponse response;
    const grpc::Status status = daemon_.memory().Recall(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }

  void ExpectRefused(const v1::RecallRequest& request, const std::string& field) {
    grpc::ClientContext context;
    SetDeadline(context);
    v1::RecallResponse response;
    const grpc::Status status = daemon_.memory().Recall(&context, request, &response);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << field;
    EXPECT_THAT(status.error_message(), HasSubstr(field));
  }

  double Similarity(const std::string& a, const std::string& b) const {
    const std::vector<float>& x = points_.at(a);
    const std::vector<float>& y = points_.at(b);
    double sum = 0;
    for (size_t i = 0; i < x.size(); ++i) sum += static_cast<double>(x[i]) * y[i];
    return sum;
  }

  // All words by `score`, the best first.
  std::vector<std::string> Best(const std::function<double(int)>& score, size_t k) const {
    std::vector<std::pair<double, std::string>> words;
    for (int i = 0; i < kWords; ++i) words.emplace_back(-score(i), Word(i));
    std::sort(words.begin(), words.end());
    std::vector<std::string> best;
    for (size_t i = 0; i < k; ++i) best.push_back(words[i].second);
    return best;
  }

  TestDaemon daemon_;
  absl::Time start_;
  std::map<std::string, std::vector<float>> points_;
};

TEST_F(RecallOptionsTest, NegativesTakeOffWhatIsLikeThem) {
  v1::RecallRequest request = Ask(Word(3), 10);
  for (const int negative : {5, 40}) {
    request.add_negatives()->mutable_percepts()->add_percepts()->mutable_text()->set_text(
        Word(negative));
  }
  request.set_negative_weight(0.8F);
  const auto score = [this](int i) {
    return Similarity(Word(3), Word(i)) -
           0.4 * (Similarity(Word(5), Word(i)) + Similarity(Word(40), Word(i)));
  };
  const v1::RecallResponse response = Recall(request);
  EXPECT_THAT(Words(response), ElementsAreArray(Best(score, 10)));
  for (const v1::Experience& found : response.experiences()) {
    EXPECT_NEAR(found.similarity(), Similarity(Word(3), WordOf(found)), 1e-3);
    EXPECT_NEAR(found.score(), score(std::stoi(found.event().event().event_id())), 2e-3);
  }
  // A stored event says what is not wanted, and does not come back either.
  request.clear_negatives();
  request.add_negatives()->mutable_event()->set_event_id("3");
  request.mutable_negatives(0)->mutable_event()->set_source(WordEvent(3).source());
  request.set_negative_weight(0);
  request.set_k(kWords);
  EXPECT_THAT(Words(Recall(request)), SizeIs(kWords - 1));
}

TEST_F(RecallOptionsTest, AgeHalvesScores) {
  for (const double half_life : {0.5, 5.0, 50.0}) {
    for (const uint32_t k : {3U, 10U, 60U}) {
      v1::RecallRequest request = Ask(Word(3), k);
      *request.mutable_half_life() =
          TimeUtil::MillisecondsToDuration(static_cast<int64_t>(half_life * 1000));
      // Whatever "now" is: its change weakens all alike.
      const auto score = [&](int i) {
        const double similarity = Similarity(Word(3), Word(i));
        return similarity > 0 ? similarity * std::exp2((i - kWords) / half_life) : similarity;
      };
      EXPECT_THAT(Words(Recall(request)), ElementsAreArray(Best(score, k)))
          << half_life << " s, k " << k;
    }
  }
}

TEST_F(RecallOptionsTest, AgeHalvesScoresOfEpisodes) {
  v1::RecallRequest request = Ask(Word(3), kWords / 2);
  request.clear_modalities();
  v1::RecallResponse all;
  for (int i = 0; i < 300 && all.experiences_size() < kWords / 2; ++i) {
    if (i > 0)
      absl::SleepFor(absl::Milliseconds(100));  // they close after a while, and are embedded
    all = Recall(request);
  }
  ASSERT_THAT(all.experiences(), SizeIs(kWords / 2));
  for (const int half_life_s : {2, 20, 2}) {
    std::vector<std::pair<double, uint64_t>> expected;
    for (const v1::Experience& found : all.experiences()) {
      ASSERT_THAT(found.episode().events(), SizeIs(2));
      const double last_s = std::stod(found.episode().events(1).event().event_id());
      const double similarity = found.similarity();
      const double kept = std::exp2((last_s - kWords) / half_life_s);
      expected.emplace_back(-(similarity > 0 ? similarity * kept : similarity),
                            found.episode().episode_id());
    }
    std::sort(expected.begin(), expected.end());
    request.set_k(7);
    *request.mutable_half_life() = TimeUtil::SecondsToDuration(half_life_s);
    const v1::RecallResponse response = Recall(request);
    ASSERT_THAT(response.experiences(), SizeIs(7));
    for (size_t i = 0; i < 7; ++i) {
      EXPECT_EQ(response.experiences(static_cast<int>(i)).episode().episode_id(),
                expected[i].second)
          << half_life_s << " s, place " << i;
    }
    // The first event of the youngest passes this filter, its second one tells its age.
    *request.mutable_filter()->mutable_time()->mutable_end() =
        TimeUtil::NanosecondsToTimestamp(absl::ToUnixNanos(start_ + absl::Seconds(kWords - 1)));
  }
}

TEST_F(RecallOptionsTest, AFloorLeavesOutWhatIsFar) {
  const v1::RecallResponse all = Recall(Ask(Word(3), kWords));
  ASSERT_THAT(all.experiences(), SizeIs(kWords));
  const float floor = (all.experiences(6).similarity() + all.experiences(7).similarity()) / 2;
  v1::RecallRequest request = Ask(Word(3), kWords);
  request.mutable_similarity_min()->set_value(floor);
  EXPECT_THAT(Recall(request).experiences(), SizeIs(7));
  request.set_k(5);
  EXPECT_THAT(Recall(request).experiences(), SizeIs(5));
}

TEST_F(RecallOptionsTest, DiversityHoldsLikenessAgainstAnswers) {
  v1::RecallRequest request = Ask(Word(3), 8);
  request.set_diversity(0.6F);
  std::vector<std::string> chosen;
  while (chosen.size() < 8) {
    std::pair<double, std::string> best(-10, "");
    for (int i = 0; i < kWords; ++i) {
      if (std::find(chosen.begin(), chosen.end(), Word(i)) != chosen.end()) continue;
      double nearest = chosen.empty() ? 0 : -1;
      for (const std::string& word : chosen) {
        nearest = std::max(nearest, Similarity(word, Word(i)));
      }
      best = std::max(best, {0.4 * Similarity(Word(3), Word(i)) - 0.6 * nearest, Word(i)});
    }
    chosen.push_back(best.second);
  }
  EXPECT_THAT(Words(Recall(request)), ElementsAreArray(chosen));
  EXPECT_NE(Words(Recall(Ask(Word(3), 8))), chosen);
}

TEST_F(RecallOptionsTest, GroupsByEpisodeWithItsEvents) {
  v1::RecallRequest request = Ask(Word(3), 20);
  request.set_group_by_episode(true);
  const v1::RecallResponse response = Recall(request);
  ASSERT_THAT(response.experiences(), SizeIs(20));
  std::set<uint64_t> episodes;
  for (const v1::Experience& found : response.experiences()) {
    episodes.insert(found.episode().episode_id());
    ASSERT_THAT(found.episode().events(), SizeIs(2));
    EXPECT_EQ(found.episode().events(0).event().scene(), found.event().event().scene());
    EXPECT_LT(found.episode().events(0).sequence(), found.episode().events(1).sequence());
  }
  EXPECT_THAT(episodes, SizeIs(20));
  EXPECT_EQ(WordOf(response.experiences(0)), Word(3));
  request.set_k(100);
  const v1::RecallResponse all = Recall(request);
  EXPECT_THAT(all.experiences(), SizeIs(kWords / 2));
  for (const v1::Experience& found : all.experiences()) EXPECT_EQ(found.episode_hits(), 2U);
}

TEST_F(RecallOptionsTest, PagesGiveEachAnswerOnceAsOfTheFirst) {
  for (const float diversity : {0.0F, 0.5F}) {
    for (const bool aging : {false, true}) {
      v1::RecallRequest request = Ask(Word(3), 7);
      request.set_diversity(diversity);
      if (aging) *request.mutable_half_life() = TimeUtil::SecondsToDuration(20);
      std::vector<std::string> words;
      int pages = 0;
      uint64_t pending = 0;
      do {
        const v1::RecallResponse response = Recall(request);
        if (pages == 0) pending = response.pending().event_count();
        EXPECT_EQ(response.pending().event_count(), pending) << "as of the first";
        for (const std::string& word : Words(response)) words.push_back(word);
        request.set_page_token(response.next_page_token());
        if (++pages != 1 || aging || diversity > 0) continue;
        // What comes between is not on later pages.
        Ingest(daemon_, {TextEvent("later", Word(3), 0, "later")});
        // Not by number: records of scenes that fell silent have numbers, too.
        daemon_.AwaitWatermarks(
            [](const v1::Watermarks& w) { return w.recallable() >= w.durable(); });
      } while (!request.page_token().empty() && pages < 30);
      const size_t extra = aging || diversity > 0 ? 1 : 0;  // the one that came later, by now
      EXPECT_EQ(words.size(), kWords + extra);
      std::multiset<std::string> once(words.begin(), words.end());
      EXPECT_EQ(std::set<std::string>(words.begin(), words.end()).size(), size_t{kWords});
      EXPECT_EQ(once.count(Word(3)), 1 + extra);
      EXPECT_EQ(pages, 9);
    }
  }
}

TEST_F(RecallOptionsTest, AnswersOfAPageHaveATokenForThatRequestAlone) {
  v1::RecallRequest request = Ask(Word(3), 7);
  const std::string token = Recall(request).next_page_token();
  ASSERT_FALSE(token.empty());
  request.set_page_token("17");
  ExpectRefused(request, "page_token");
  request.set_page_token(token);
  request.set_k(8);
  ExpectRefused(request, "page_token");
  // A generation that is gone has no further pages.
  request.set_k(7);
  request.set_page_token("9" + token);
  grpc::ClientContext context;
  SetDeadline(context);
  v1::RecallResponse response;
  EXPECT_EQ(daemon_.memory().Recall(&context, request, &response).error_code(),
            grpc::StatusCode::FAILED_PRECONDITION);
}

TEST_F(RecallOptionsTest, OptionsOutOfRangeAreNamed) {
  const auto refused = [this](const std::string& field,
                              const std::function<void(v1::RecallRequest&)>& change) {
    v1::RecallRequest request = Ask(Word(3), 5);
    change(request);
    ExpectRefused(request, field);
  };
  refused("k", [](v1::RecallRequest& r) { r.set_k(1001); });
  refused("filter", [](v1::RecallRequest& r) {
    for (int i = 0; i <= 4096; ++i) r.mutable_filter()->add_scenes(absl::StrCat("scene", i));
  });
  refused("negatives[0]", [](v1::RecallRequest& r) { r.add_negatives(); });
  refused("negatives", [](v1::RecallRequest& r) {
    for (int i = 0; i < 17; ++i) *r.add_negatives() = r.query();
  });
  refused("negatives", [](v1::RecallRequest& r) {
    *r.add_negatives() = r.query();
    r.set_negative_weight(1);
  });
  refused("negative_weight", [](v1::RecallRequest& r) { r.set_negative_weight(1.5F); });
  refused("half_life", [](v1::RecallRequest& r) { r.mutable_half_life(); });
  refused("similarity_min",
          [](v1::RecallRequest& r) { r.mutable_similarity_min()->set_value(1.5F); });
  refused("diversity", [](v1::RecallRequest& r) { r.set_diversity(NAN); });
  refused("group_by_episode", [](v1::RecallRequest& r) {
    r.clear_modalities();
    r.set_group_by_episode(true);
  });
}

}  // namespace
}  // namespace mixmatch
