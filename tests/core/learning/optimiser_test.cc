// When maps turn and how far, how far back the average looks, and that a checkpoint goes on alike.
#include "core/learning/optimiser.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "core/encoder/weights_file.h"

namespace mixmatch {
namespace {

constexpr OptimiserSettings kSettings = {.turn_every = 2, .warm_up = 1, .weight_decay = 0};

Parameter Map(const char* name, int64_t rows, int64_t columns) {
  return {.name = name, .value = at::zeros({rows, columns}).requires_grad_(true), .maps = 1};
}

Parameter Bias(const char* name) {
  return {.name = name, .value = at::zeros({4}).requires_grad_(true), .maps = 0};
}

// Gives every parameter a gradient that follows from `seed`, and updates.
void Update(Optimiser& optimiser, const std::vector<Parameter>& parameters, int64_t seed,
            uint64_t settled = 0) {
  for (const Parameter& p : parameters) {
    p.value.mutable_grad() =
        at::sin((at::arange(p.value.numel(), at::kFloat) + static_cast<double>(seed)).pow(2) * 0.7)
            .view(p.value.sizes());
  }
  ASSERT_TRUE(optimiser.Update(settled).ok());
}

double RootMeanSquare(const at::Tensor& t) { return std::sqrt(t.pow(2).mean().item<double>()); }

TEST(OptimiserTest, MapsOfOneSizeTakeTurnsAndEverythingElseMovesEveryTime) {
  const std::vector<Parameter> parameters = {Map("a", 8, 8), Map("b", 8, 8), Bias("c")};
  Optimiser optimiser(kSettings);
  optimiser.Adopt(parameters);
  std::vector<std::vector<bool>> moved;
  for (int64_t i = 0; i < 6; ++i) {
    std::vector<at::Tensor> before;
    for (const Parameter& p : parameters) before.push_back(p.value.detach().clone());
    Update(optimiser, parameters, i);
    moved.emplace_back();
    for (size_t p = 0; p < parameters.size(); ++p) {
      moved.back().push_back(!at::equal(before[p], parameters[p].value.detach()));
    }
  }
  for (size_t i = 0; i < moved.size(); ++i) {
    EXPECT_NE(moved[i][0], moved[i][1]) << i;
    EXPECT_EQ(moved[i][0], moved[i % 2][0]) << i;
    EXPECT_TRUE(moved[i][2]) << i;
  }
}

TEST(OptimiserTest, LargeMapsShareATurnWithNoOther) {
  // The costs are 64 * 8, 8 * 8 and 8 * 8 times 8: the small ones turn together.
  const std::vector<Parameter> parameters = {Map("large", 8, 64), Map("s", 8, 8), Map("t", 8, 8)};
  Optimiser optimiser(kSettings);
  optimiser.Adopt(parameters);
  for (int64_t i = 0; i < 4; ++i) {
    std::vector<at::Tensor> before;
    for (const Parameter& p : parameters) before.push_back(p.value.detach().clone());
    Update(optimiser, parameters, i);
    const auto moved = [&](size_t p) {
      return !at::equal(before[p], parameters[p].value.detach());
    };
    EXPECT_NE(moved(0), moved(1)) << i;
    EXPECT_EQ(moved(1), moved(2)) << i;
  }
}

TEST(OptimiserTest, AMapThatTurnsLessOftenTurnsFurther) {
  for (const int every : {1, 2, 4}) {
    OptimiserSettings settings = kSettings;
    settings.turn_every = every;
    const std::vector<Parameter> parameters = {Map("a", 16, 16)};
    Optimiser optimiser(settings);
    optimiser.Adopt(parameters);
    int turns = 0;
    for (int64_t i = 0; i < 8; ++i) {
      const at::Tensor before = parameters[0].value.detach().clone();
      Update(optimiser, parameters, i);
      const double turn = RootMeanSquare(parameters[0].value.detach() - before);
      if (turn == 0) continue;
      ++turns;
      // 0.2 of the rate, times the root mean square of its singular values, which is about 1.
      EXPECT_NEAR(turn / (0.2 * settings.map_rate * every), 1, 0.4) << every;
    }
    EXPECT_EQ(turns, 8 / every);
  }
}

TEST(OptimiserTest, TheAverageLooksFurtherBackTheLongerNothingNewCame) {
  // A value that stands at 1 from some update on: what the average misses of it after 60 more.
  const auto missing = [](uint64_t settled) {
    const std::vector<Parameter> parameters = {Bias("a")};
    Optimiser optimiser(kSettings);
    optimiser.Adopt(parameters);
    const auto still = [&](uint64_t updates) {
      for (uint64_t i = 0; i < updates; ++i) {
        parameters[0].value.mutable_grad().reset();
        ASSERT_TRUE(optimiser.Update(settled).ok());
      }
    };
    still(2000);  // at 0
    parameters[0].value.detach().fill_(1);
    still(60);
    WeightsFile file;
    optimiser.SaveAverages(file);
    return 1 - file.tensors.at("a").values[0];
  };
  EXPECT_NEAR(missing(0), std::pow(0.98, 60), 0.01);
  EXPECT_NEAR(missing(30), std::pow(0.98, 60), 0.01);  // a third of it is less than the usual 50
  EXPECT_NEAR(missing(600), std::pow(1 - 1.0 / 200, 60), 0.01);
}

TEST(OptimiserTest, GoesOnFromACheckpointAsIfItHadNotStopped) {
  std::vector<Parameter> parameters = {Map("a", 8, 8), Map("b", 8, 24), Bias("c")};
  Optimiser optimiser(kSettings);
  optimiser.Adopt(parameters);
  for (int64_t i = 0; i < 5; ++i) Update(optimiser, parameters, i);
  std::vector<Parameter> copies;
  for (const Parameter& p : parameters) {
    copies.push_back(
        {.name = p.name, .value = p.value.detach().clone().requires_grad_(true), .maps = p.maps});
  }
  WeightsFile file;
  optimiser.Save(file);
  Optimiser restored(kSettings);
  restored.Adopt(copies);
  ASSERT_TRUE(restored.Load(file).ok());
  for (int64_t i = 5; i < 9; ++i) {
    Update(optimiser, parameters, i);
    Update(restored, copies, i);
  }
  for (size_t p = 0; p < parameters.size(); ++p) {
    EXPECT_TRUE(at::equal(parameters[p].value, copies[p].value)) << parameters[p].name;
  }
}

// A sparse gradient of 1, 2, ... for these rows of a table [rows, 4].
at::Tensor RowsGradient(int64_t rows, const std::vector<int64_t>& given) {
  const auto count = static_cast<int64_t>(given.size());
  const at::Tensor indices = at::tensor(given, at::kLong).view({1, count});
  const at::Tensor values = at::arange(1, 4 * count + 1, at::kFloat).view({count, 4});
  return at::sparse_coo_tensor(indices, values, {rows, 4});
}

Parameter Table(int64_t rows) {
  return {.name = "t", .value = at::ones({rows, 4}).requires_grad_(true), .table = true};
}

TEST(OptimiserTest, RowsThatWereEverLookedUpMoveAsIfTheGradientWereDense) {
  OptimiserSettings settings = kSettings;
  settings.weight_decay = 0.5;  // of rows that are known, and of no other
  const std::vector<Parameter> sparse = {Table(6)};
  const std::vector<Parameter> dense = {
      {.name = "t", .value = at::ones({6, 4}).requires_grad_(true), .maps = 0}};
  Optimiser a(settings);
  Optimiser b(settings);
  a.Adopt(sparse);
  b.Adopt(dense);
  const std::vector<std::vector<int64_t>> looked_up = {{1, 4}, {4, 1, 4}, {1}, {4}};
  for (const auto& rows : looked_up) {
    sparse[0].value.mutable_grad() = RowsGradient(6, rows);
    dense[0].value.mutable_grad() = RowsGradient(6, rows).to_dense();
    ASSERT_TRUE(a.Update().ok());
    ASSERT_TRUE(b.Update().ok());
  }
  for (const int64_t row : {1, 4}) {
    EXPECT_TRUE(at::allclose(sparse[0].value[row], dense[0].value[row], 1e-6, 1e-7)) << row;
  }
  EXPECT_TRUE(at::equal(sparse[0].value.detach()[0], at::ones({4})));
  WeightsFile averages;
  WeightsFile expected;
  a.SaveAverages(averages);
  b.SaveAverages(expected);
  for (const size_t i : {4U, 7U, 16U, 19U}) {  // of rows 1 and 4
    EXPECT_NEAR(averages.tensors.at("t").values[i], expected.tensors.at("t").values[i], 1e-6);
  }
  EXPECT_EQ(averages.tensors.at("t").values[0], 1);
}

TEST(OptimiserTest, ATableGoesOnFromACheckpointAsIfItHadNotStopped) {
  OptimiserSettings settings = kSettings;
  settings.weight_decay = 0.5;
  const std::vector<Parameter> table = {Table(6)};
  Optimiser optimiser(settings);
  optimiser.Adopt(table);
  table[0].value.mutable_grad() = RowsGradient(6, {5, 2});
  ASSERT_TRUE(optimiser.Update().ok());
  const std::vector<Parameter> copy = {
      {.name = "t", .value = table[0].value.detach().clone().requires_grad_(true), .table = true}};
  WeightsFile file;
  optimiser.Save(file);
  Optimiser restored(settings);
  restored.Adopt(copy);
  ASSERT_TRUE(restored.Load(file).ok());
  for (Optimiser* each : {&optimiser, &restored}) {
    const at::Tensor& value = each == &optimiser ? table[0].value : copy[0].value;
    value.mutable_grad() = RowsGradient(6, {1});
    ASSERT_TRUE(each->Update().ok());
  }
  EXPECT_TRUE(at::equal(table[0].value, copy[0].value));
  WeightsFile one;
  WeightsFile other;
  optimiser.SaveAverages(one);
  restored.SaveAverages(other);
  EXPECT_EQ(one.tensors.at("t").values, other.tensors.at("t").values);
}

TEST(OptimiserTest, AGradientThatIsNoNumberChangesNothing) {
  const std::vector<Parameter> parameters = {Map("a", 8, 8), Bias("b")};
  Optimiser optimiser(kSettings);
  optimiser.Adopt(parameters);
  Update(optimiser, parameters, 0);
  const at::Tensor before = parameters[1].value.detach().clone();
  parameters[0].value.mutable_grad() = at::ones({8, 8});
  parameters[1].value.mutable_grad() = at::full({4}, std::nan(""));
  EXPECT_TRUE(absl::IsInternal(optimiser.Update()));
  EXPECT_TRUE(at::equal(parameters[1].value.detach(), before));
  EXPECT_FALSE(parameters[0].value.grad().defined());
}

}  // namespace
}  // namespace mixmatch
