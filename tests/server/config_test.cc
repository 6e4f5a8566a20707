// The configuration: defaults, YAML, environment, and refusals that name the key.
#include "server/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace mixmatch {
namespace {

using ::testing::HasSubstr;

class ConfigTest : public ::testing::Test {
 protected:
  void SetUp() override {
    path_ = (std::filesystem::temp_directory_path() /
             ("mixmatch-config-" + std::to_string(getpid()) + ".yaml"))
                .string();
  }
  void TearDown() override { std::filesystem::remove(path_); }

  absl::StatusOr<Config> Load(const std::string& yaml) {
    std::ofstream(path_) << yaml;
    return LoadConfig(path_);
  }

  std::string path_;
};

TEST_F(ConfigTest, HasADefaultForEveryKey) {
  const auto config = Load("");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->listen, "127.0.0.1:7077");
  EXPECT_EQ(config->model.preset, "nano");
}

TEST_F(ConfigTest, ReadsNestedKeysAndUnits) {
  const auto config = Load(
      "data_dir: /tmp/x\nlimits:\n  payload_bytes: 4MiB\nepisodes: {gap: 1500ms, bind_radius: "
      "2.5}\n"
      "learning:\n  enabled: false\n");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->data_dir, "/tmp/x");
  EXPECT_EQ(config->limits.payload_bytes, 4U << 20);
  EXPECT_EQ(config->episodes.gap, absl::Milliseconds(1500));
  EXPECT_EQ(config->episodes.bind_radius, 2.5);
  EXPECT_FALSE(config->learning.enabled);
}

TEST_F(ConfigTest, PrintsWhatItReadsBack) {
  auto config = Load("seed: 7\nlearning: {flush_after: 3s}\n");
  ASSERT_TRUE(config.ok());
  const std::string printed = PrintConfig(*config);
  const auto again = Load(printed);
  ASSERT_TRUE(again.ok()) << again.status() << "\n" << printed;
  EXPECT_EQ(PrintConfig(*again), printed);
  EXPECT_THAT(printed, HasSubstr("seed: 7"));
}

TEST_F(ConfigTest, RefusesWithTheNameOfTheKey) {
  const std::pair<const char*, const char*> cases[] = {
      {"colour: red\n", "unknown key 'colour'"},
      {"episodes: {gap: soon}\n", "episodes.gap is 'soon'"},
      {"episodes: {gap: 0s}\n", "episodes.gap"},
      {"model: {preset: huge}\n", "model.preset is 'huge'"},
      {"limits: {streams: -3}\n", "limits.streams is '-3'"},
      {"limits: {streams: 99999999}\n", "limits.streams"},
      {"limits: {payload_bytes: 99999999999999GiB}\n", "limits.payload_bytes"},
      {"learning: {enabled: perhaps}\n", "learning.enabled"},
      {"generations: {probe_share: 0.9}\n", "generations.probe_share"},
      {"generations: {probe_share: nan}\n", "generations.probe_share"},
      {"seed: [1, 2]\n", "seed"},
      {"- a\n- b\n", "not a map"},
      {"a: b: c\n", "not YAML"},
  };
  for (const auto& [yaml, message] : cases) {
    const auto config = Load(yaml);
    EXPECT_TRUE(absl::IsInvalidArgument(config.status())) << yaml << config.status();
    EXPECT_THAT(std::string(config.status().message()), HasSubstr(message)) << yaml;
  }
  EXPECT_TRUE(absl::IsNotFound(LoadConfig("/nowhere/mixmatchd.yaml").status()));
}

TEST_F(ConfigTest, TakesTheEnvironmentOverTheFile) {
  setenv("MIXMATCH_MODEL_PRESET", "small", 1);
  const auto config = Load("model: {preset: nano}\n");
  unsetenv("MIXMATCH_MODEL_PRESET");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->model.preset, "small");
}

}  // namespace
}  // namespace mixmatch
