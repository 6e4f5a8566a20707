// The trainer on small made-up worlds in which what belongs together is known.
#include "core/learning/trainer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/encoder/bf16_gemm.h"
#include "tests/core/encoder/samples.h"

namespace mixmatch {
namespace {

using testing::Spec;
using testing::TinyModel;
using testing::VectorSample;

const ModalitySpec kImage = Spec("image", PayloadKind::kImage);
const ModalitySpec kPose = Spec("pose", PayloadKind::kVector, 12);
const ModalitySpec kText = Spec("text", PayloadKind::kText);

// Percept of a cause: each modality shows it in its own way, never twice the same.
TrainingPercept Show(const ModalitySpec& modality, uint64_t cause, uint64_t occasion) {
  TrainingPercept percept{.modality = modality};
  if (modality.kind == PayloadKind::kImage) {
    percept.features = testing::ImageSample(cause);
    percept.features.bytes[occasion % 1024] = static_cast<char>(occasion % 256);
    percept.features.content = {cause, occasion + 1};
  } else if (modality.kind == PayloadKind::kText) {
    percept.features = testing::TextSample(cause);
  } else {
    std::vector<float> values = VectorSample(cause, modality.dimension).Values<float>();
    for (size_t i = 0; i < values.size(); ++i) {
      values[i] += 0.1F * testing::Noise(occasion * 1000 + cause, i);
    }
    percept.features = VectorSample(values);
  }
  return percept;
}

std::vector<TrainingEpisode> World(std::initializer_list<ModalitySpec> modalities, uint64_t count,
                                   uint64_t occasion) {
  std::vector<TrainingEpisode> episodes;
  for (uint64_t cause = 0; cause < count; ++cause) {
    episodes.push_back({.id = cause});
    for (const ModalitySpec& modality : modalities) {
      episodes.back().percepts.push_back(Show(modality, cause, occasion));
    }
  }
  return episodes;
}

std::unique_ptr<Trainer> Make(const std::string& precision = "auto") {
  SetComputeThreads(1);
  auto trainer = Trainer::Create(TinyModel(), {.device = "cpu", .precision = precision});
  EXPECT_TRUE(trainer.ok()) << trainer.status();
  return std::move(trainer).value();
}

double Step(Trainer& trainer, std::initializer_list<ModalitySpec> modalities, uint64_t occasion) {
  const auto result = trainer.Step(World(modalities, 16, occasion));
  EXPECT_TRUE(result.ok()) << result.status();
  return result->loss;
}

std::vector<float> EmbedOne(const Encoder& encoder, const TrainingPercept& percept) {
  const std::vector<Mixture> mixtures = {{{&percept.modality, &percept.features}}};
  std::vector<float> out(static_cast<size_t>(encoder.config().embedding));
  EXPECT_TRUE(encoder.Embed(mixtures, out).ok());
  return out;
}

float Dot(const std::vector<float>& a, const std::vector<float>& b) {
  float sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

// Of 16 causes: how many find their own among the shown of the other modality.
int Found(const Encoder& encoder, const ModalitySpec& from, const ModalitySpec& to) {
  int found = 0;
  for (uint64_t asked = 0; asked < 16; ++asked) {
    const auto query = EmbedOne(encoder, Show(from, asked, 9001));
    uint64_t best = 0;
    float most = -2;
    for (uint64_t cause = 0; cause < 16; ++cause) {
      const float similarity = Dot(query, EmbedOne(encoder, Show(to, cause, 9002)));
      if (similarity > most) best = cause;
      most = std::max(most, similarity);
    }
    found += best == asked ? 1 : 0;
  }
  return found;
}

void LearnsWhatOccursTogether(const std::string& precision) {
  const auto trainer = Make(precision);
  EXPECT_EQ(trainer->precision(), precision);
  const double before = Step(*trainer, {kImage, kPose, kText}, 0);
  double after = 0;
  for (uint64_t i = 1; i < 150; ++i) after = Step(*trainer, {kImage, kPose, kText}, i);
  EXPECT_LT(after, before / 2);
  const auto encoder = trainer->Averaged();
  ASSERT_TRUE(encoder.ok());
  EXPECT_GE(Found(**encoder, kPose, kImage), 12);  // chance: 1
  EXPECT_GE(Found(**encoder, kImage, kPose), 12);
  EXPECT_GE(Found(**encoder, kText, kImage), 12);
  EXPECT_EQ(trainer->steps(), 150U);
}

TEST(TrainerTest, WhatOccursTogetherIsFoundByEachOther) { LearnsWhatOccursTogether("fp32"); }

TEST(TrainerTest, WhatOccursTogetherIsFoundByEachOtherInBf16) {
  if (!Bf16Supported()) GTEST_SKIP() << "skipped: this CPU has no instructions for it";
  LearnsWhatOccursTogether("bf16");
}

TEST(TrainerTest, AStepSaysTheLossOfEveryPair) {
  const auto trainer = Make();
  const auto result = trainer->Step(World({kImage, kPose, kText}, 16, 0));
  ASSERT_TRUE(result.ok()) << result.status();
  uint64_t positives = 0;
  std::vector<std::string> pairs;
  for (const PairLoss& pair : result->pairs) {
    pairs.push_back(pair.pair);
    positives += pair.positives;
    EXPECT_GT(pair.loss, 0) << pair.pair;
  }
  EXPECT_EQ(pairs,
            (std::vector<std::string>{"image -> pose", "image -> text", "pose -> image",
                                      "pose -> text", "text -> image", "text -> pose", "mixture"}));
  EXPECT_EQ(positives, result->positives);
  const auto alone = trainer->Step(World({kPose}, 16, 1));
  ASSERT_TRUE(alone.ok()) << alone.status();
  ASSERT_EQ(alone->pairs.size(), 1U);
  EXPECT_EQ(alone->pairs[0].pair, "pose views");
  EXPECT_NEAR(alone->pairs[0].loss, alone->loss, 1e-6);
}

TEST(TrainerTest, AStreamOfOneModalityBringsViewsOfOnePerceptCloser) {
  const auto trainer = Make();
  const auto margin = [&] {  // similarity to itself on another day, less that to others
    const auto encoder = trainer->Averaged();
    double sum = 0;
    for (uint64_t cause = 0; cause < 16; ++cause) {
      const auto own = EmbedOne(**encoder, Show(kPose, cause, 9001));
      sum += Dot(own, EmbedOne(**encoder, Show(kPose, cause, 9002))) / 16;
      sum -= Dot(own, EmbedOne(**encoder, Show(kPose, (cause + 1) % 16, 9002))) / 16;
    }
    return sum;
  };
  Step(*trainer, {kPose}, 0);
  const double before = margin();
  for (uint64_t i = 1; i < 80; ++i) Step(*trainer, {kPose}, i);
  EXPECT_GT(margin(), before + 0.2);
}

TEST(TrainerTest, ARestoredTrainerGoesOnBitForBit) {
  const auto trainer = Make();
  for (uint64_t i = 0; i < 5; ++i) Step(*trainer, {kImage, kPose}, i);
  const std::string checkpoint = trainer->Checkpoint();
  auto restored = Trainer::Restore(TinyModel(), {.device = "cpu"}, checkpoint);
  ASSERT_TRUE(restored.ok()) << restored.status();
  EXPECT_EQ((*restored)->Checkpoint(), checkpoint);
  for (uint64_t i = 5; i < 10; ++i) {  // text joins on the way
    EXPECT_EQ(Step(*trainer, {kImage, kPose, kText}, i),
              Step(**restored, {kImage, kPose, kText}, i));
  }
  EXPECT_EQ((*restored)->Checkpoint(), trainer->Checkpoint());
  EXPECT_EQ((*(*restored)->Averaged())->Serialize(), (*trainer->Averaged())->Serialize());
}

TEST(TrainerTest, TheSameStreamAndSeedGiveTheSameWeights) {
  const auto a = Make();
  const auto b = Make();
  for (uint64_t i = 0; i < 4; ++i) {
    Step(*a, {kImage, kText}, i);
    Step(*b, {kImage, kText}, i);
  }
  EXPECT_EQ(a->Checkpoint(), b->Checkpoint());
}

TEST(TrainerTest, CheckpointsThatDoNotFitAreRefused) {
  const auto trainer = Make();
  Step(*trainer, {kPose, kText}, 0);
  std::string checkpoint = trainer->Checkpoint();
  ModelConfig other = TinyModel();
  other.width = 64;
  EXPECT_EQ(Trainer::Restore(other, {}, checkpoint).status().code(),
            absl::StatusCode::kFailedPrecondition);
  checkpoint[checkpoint.size() / 2] ^= 1;
  EXPECT_EQ(Trainer::Restore(TinyModel(), {}, checkpoint).status().code(),
            absl::StatusCode::kDataLoss);
  EXPECT_EQ(Trainer::Create(TinyModel(), {.device = "cpu", .precision = "fp8"}).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Trainer::Create(TinyModel(), {.device = "abacus"}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(TrainerTest, ABatchWithoutAPositivePairChangesNothing) {
  const auto trainer = Make();
  Step(*trainer, {kPose, kText}, 0);
  const std::string before = trainer->Checkpoint();
  std::vector<TrainingEpisode> same(4, World({kPose, kText}, 1, 3)[0]);  // all share all
  for (const auto& batch : {same, World({kPose, kText}, 1, 4), std::vector<TrainingEpisode>(2)}) {
    const auto result = trainer->Step(batch);
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(result->positives, 0U);
  }
  EXPECT_EQ(trainer->Checkpoint(), before);
}

TEST(TrainerTest, FeaturesThatDoNotFitAreAnErrorAndChangeNothing) {
  const auto trainer = Make();
  Step(*trainer, {kPose, kText}, 0);
  const std::string before = trainer->Checkpoint();
  auto batch = World({kPose, kText}, 4, 1);
  batch[2].percepts[0].features.bytes.resize(3);
  batch[2].percepts[0].features.content = {};
  EXPECT_FALSE(trainer->Step(batch).ok());
  EXPECT_EQ(trainer->Checkpoint(), before);
}

TEST(TrainerTest, AQueryOfTwoModalitiesIsAtLeastAsGoodAsItsParts) {
  // Pose tells the cause modulo 4, colour-blind image modulo 4 of the rest: text needs both.
  const auto trainer = Make();
  const auto world = [](uint64_t occasion) {
    std::vector<TrainingEpisode> episodes;
    for (uint64_t cause = 0; cause < 16; ++cause) {
      episodes.push_back(
          {.id = cause,
           .percepts = {Show(kPose, cause % 4, occasion * 16 + cause),
                        Show(kImage, cause / 4, occasion * 16 + cause), Show(kText, cause, 0)}});
    }
    return episodes;
  };
  for (uint64_t i = 0; i < 250; ++i) ASSERT_TRUE(trainer->Step(world(i)).ok());
  const auto encoder = *trainer->Averaged();
  int both = 0;
  int one = 0;
  const auto asked = world(5000);
  for (uint64_t cause = 0; cause < 16; ++cause) {
    const auto& p = asked[cause].percepts;
    const std::vector<Mixture> mixtures = {
        {{&p[0].modality, &p[0].features}, {&p[1].modality, &p[1].features}},
        {{&p[0].modality, &p[0].features}}};
    std::vector<float> out(32);
    ASSERT_TRUE(encoder->Embed(mixtures, out).ok());
    const auto best = [&](size_t first) {
      uint64_t winner = 0;
      float most = -2;
      for (uint64_t word = 0; word < 16; ++word) {
        const auto target = EmbedOne(*encoder, Show(kText, word, 0));
        const float s = Dot({out.begin() + static_cast<std::ptrdiff_t>(first),
                             out.begin() + static_cast<std::ptrdiff_t>(first + 16)},
                            target);
        if (s > most) winner = word;
        most = std::max(most, s);
      }
      return winner;
    };
    both += best(0) == cause ? 1 : 0;
    one += best(16) == cause ? 1 : 0;
  }
  EXPECT_GE(both, 13);
  EXPECT_LE(one, 8);  // a part alone cannot tell
}

}  // namespace
}  // namespace mixmatch
