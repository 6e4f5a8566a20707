// The whole forward pass against a second, naive implementation in double precision that reads the
// same weights; and against values written down once, so that a change of both would show.
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/encoder/encoder.h"
#include "core/encoder/weights_file.h"
#include "tests/core/encoder/samples.h"

namespace mixmatch {
namespace {

using Row = std::vector<double>;
using Rows = std::vector<Row>;

class NaiveModel {
 public:
  explicit NaiveModel(const Encoder& encoder)
      : config_(encoder.config()), file_(*ReadWeights(encoder.Serialize())) {}

  Row EmbedVectors(const std::vector<std::pair<std::string, std::vector<float>>>& percepts) const {
    Rows x;
    for (const auto& [name, values] : percepts) x.push_back(Token(name, values));
    for (int layer = 0; layer < config_.layers; ++layer) {
      const std::string block = absl::StrCat("trunk/", layer);
      const Rows attended = Attend(block, x);
      for (size_t t = 0; t < x.size(); ++t) {
        x[t] = Sum(x[t], Linear(block + "/attention_out", attended[t]));
        Row hidden = Linear(block + "/mlp_in", Norm(block + "/mlp_norm", x[t]));
        for (double& h : hidden) h = Gelu(h);
        x[t] = Sum(x[t], Linear(block + "/mlp_out", hidden));
      }
    }
    Row mean(x[0].size(), 0);
    for (const Row& row : x) mean = Sum(mean, row);
    for (double& m : mean) m /= static_cast<double>(x.size());
    Row out = Linear("out/projection", Norm("out/norm", mean));
    double squares = 0;
    for (const double o : out) squares += o * o;
    for (double& o : out) o /= std::sqrt(squares);
    return out;
  }

 private:
  static double Gelu(double v) { return 0.5 * v * (1 + std::erf(v / std::sqrt(2.0))); }

  static Row Sum(Row a, const Row& b) {
    for (size_t i = 0; i < a.size(); ++i) a[i] += b[i];
    return a;
  }

  const std::vector<float>& Values(const std::string& name) const {
    return file_.tensors.at(name).values;
  }

  Row Linear(const std::string& name, const Row& x) const {
    const auto& weight = Values(name + ".weight");
    const auto& bias = Values(name + ".bias");
    Row y(bias.begin(), bias.end());
    for (size_t o = 0; o < y.size(); ++o) {
      for (size_t i = 0; i < x.size(); ++i) y[o] += weight[o * x.size() + i] * x[i];
    }
    return y;
  }

  Row Norm(const std::string& name, const Row& x) const {
    double mean = 0;
    for (const double v : x) mean += v / static_cast<double>(x.size());
    double variance = 0;
    for (const double v : x) variance += (v - mean) * (v - mean) / static_cast<double>(x.size());
    Row y(x.size());
    for (size_t i = 0; i < x.size(); ++i) {
      y[i] = (x[i] - mean) / std::sqrt(variance + 1e-5) * Values(name + ".scale")[i] +
             Values(name + ".shift")[i];
    }
    return y;
  }

  Rows Attend(const std::string& block, const Rows& x) const {
    const auto width = static_cast<size_t>(config_.width);
    const auto heads = static_cast<size_t>(config_.heads);
    const size_t d = width / heads;
    Rows qkv;
    for (const Row& row : x)
      qkv.push_back(Linear(block + "/qkv", Norm(block + "/attention_norm", row)));
    Rows out(x.size(), Row(width, 0));
    for (size_t t = 0; t < x.size(); ++t) {
      for (size_t h = 0; h < heads; ++h) {
        Row weights;
        double sum = 0;
        for (size_t u = 0; u < x.size(); ++u) {
          double score = 0;
          for (size_t i = h * d; i < (h + 1) * d; ++i) score += qkv[t][i] * qkv[u][width + i];
          weights.push_back(std::exp(score / std::sqrt(static_cast<double>(d))));
          sum += weights.back();
        }
        for (size_t u = 0; u < x.size(); ++u) {
          for (size_t i = h * d; i < (h + 1) * d; ++i) {
            out[t][i] += weights[u] / sum * qkv[u][2 * width + i];
          }
        }
      }
    }
    return out;
  }

  Row Token(const std::string& name, const std::vector<float>& values) const {
    const std::string stem = absl::StrCat("stem/vector/", values.size(), "/", name);
    double squares = 0;
    for (const float v : values) squares += static_cast<double>(v) * v;
    const double size = std::sqrt(squares / static_cast<double>(values.size()));
    Row x;
    for (const float v : values) x.push_back(v / size);
    for (const float v : values) x.push_back(std::asinh(v));
    x.push_back(std::log(size) * 0.2);
    Row hidden = Linear(stem + "/first", x);
    for (double& h : hidden) h = Gelu(h);
    const auto& modality = Values(stem + "/modality");
    return Sum(Linear(stem + "/second", hidden), Row(modality.begin(), modality.end()));
  }

  const ModelConfig config_;
  const WeightsFile file_;
};

const std::vector<float> kPoseValues = {0.5F, -2.0F, 7.0F};
const std::vector<float> kForceValues = {10.0F, 0.1F};

std::vector<float> EmbedBoth(const Encoder& encoder) {
  const ModalitySpec pose = testing::Spec("pose", PayloadKind::kVector, 3);
  const ModalitySpec force = testing::Spec("force", PayloadKind::kVector, 2);
  const Features a = testing::VectorSample(kPoseValues);
  const Features b = testing::VectorSample(kForceValues);
  const std::vector<Mixture> mixtures = {{{&pose, &a}, {&force, &b}}};
  std::vector<float> out(static_cast<size_t>(encoder.config().embedding));
  EXPECT_TRUE(encoder.Embed(mixtures, out).ok());
  return out;
}

TEST(ModelOracleTest, TheForwardPassIsTheNaiveOne) {
  const ModelConfig config{
      .preset = "test", .width = 24, .layers = 3, .heads = 3, .embedding = 10, .seed = 5};
  const auto encoder = Encoder::Create(config);
  ASSERT_TRUE(encoder.ok());
  const std::vector<float> out = EmbedBoth(**encoder);
  const Row expected =
      NaiveModel(**encoder).EmbedVectors({{"force", kForceValues}, {"pose", kPoseValues}});
  ASSERT_EQ(out.size(), expected.size());
  for (size_t i = 0; i < out.size(); ++i) EXPECT_NEAR(out[i], expected[i], 1e-5) << i;
}

TEST(ModelOracleTest, TheSeededModelGivesTheValuesItAlwaysGave) {
  const auto encoder = Encoder::Create(testing::TinyModel());
  ASSERT_TRUE(encoder.ok());
  const std::vector<float> expected = {0.380279F,  -0.215043F, -0.103177F, 0.020131F,
                                       -0.224953F, -0.017851F, -0.469977F, 0.248605F,
                                       0.099088F,  0.415750F,  0.136586F,  -0.421734F,
                                       -0.016485F, -0.057001F, 0.284702F,  -0.027043F};
  const std::vector<float> out = EmbedBoth(**encoder);
  ASSERT_EQ(out.size(), expected.size());
  for (size_t i = 0; i < out.size(); ++i) EXPECT_NEAR(out[i], expected[i], 2e-5) << i;
}

}  // namespace
}  // namespace mixmatch
