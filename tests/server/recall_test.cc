// Pages that a message can carry, and modalities that nobody stored.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "test_daemon.h"

namespace mixmatch {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

// Some megabytes of grey pixels.
v1::Event LargePicture(int number, uint32_t side_px) {
  v1::Event event = TextEvent("picture" + std::to_string(number), "unused", number);
  v1::Percept& percept = *event.mutable_percepts(0);
  percept.Clear();
  percept.mutable_image()->set_media_type("image/raw");
  percept.mutable_image()->set_width_px(side_px);
  percept.mutable_image()->set_height_px(side_px);
  percept.mutable_image()->set_channel_count(1);
  percept.mutable_image()->set_data(
      std::string(size_t{side_px} * side_px, static_cast<char>(number + 1)));
  return event;
}

TEST(RecallTest, PagesOfPayloadsEndEarly) {
  constexpr int kEvents = 10;
  constexpr uint32_t kSide = 2600;  // 6.8 MB: six of them are more than a page has
  TestDaemon daemon("learning: {enabled: false}\n");
  ASSERT_NO_FATAL_FAILURE(daemon.Start());
  for (int i = 0; i < kEvents; ++i) {
    const auto results = Ingest(daemon, {LargePicture(i, kSide)});
    ASSERT_EQ(results.size(), 1u);
    ASSERT_EQ(results[0].outcome(), v1::IngestResult::STORED) << results[0].error().message();
  }
  v1::ListEventsRequest list;
  list.set_page_size(100);
  list.set_view(v1::FULL);
  uint64_t last = 0;
  std::vector<int> pages;
  do {
    grpc::ClientContext context;
    SetDeadline(context);
    v1::ListEventsResponse page;
    ASSERT_TRUE(daemon.memory().ListEvents(&context, list, &page).ok());
    for (const v1::StoredEvent& event : page.events()) {
      EXPECT_GT(event.sequence(), last);
      last = event.sequence();
      EXPECT_EQ(event.event().percepts(0).image().data().size(), size_t{kSide} * kSide);
    }
    pages.push_back(page.events_size());
    list.set_page_token(page.next_page_token());
  } while (!list.page_token().empty() && pages.size() < kEvents);
  EXPECT_THAT(pages, ElementsAre(5, 5));
}

TEST(RecallTest, ModalitiesThatNobodyStoredAreNotAskedWith) {
  TestDaemon daemon("learning: {enabled: false}\n");
  ASSERT_NO_FATAL_FAILURE(daemon.Start());
  v1::EmbedRequest request;
  request.mutable_percepts()->add_percepts()->mutable_text()->set_text("a word");
  const auto embed = [&] {
    grpc::ClientContext context;
    SetDeadline(context);
    v1::EmbedResponse response;
    return daemon.memory().Embed(&context, request, &response);
  };
  EXPECT_TRUE(embed().ok());  // text is text, also before there is any
  request.mutable_percepts()->mutable_percepts(0)->set_modality("smell");
  EXPECT_EQ(embed().error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_THAT(embed().error_message(), HasSubstr("smell"));
  v1::Event smell = TextEvent("first", "smoke", 1);
  smell.mutable_percepts(0)->set_modality("smell");
  Ingest(daemon, {smell});
  EXPECT_TRUE(embed().ok());
}

}  // namespace
}  // namespace mixmatch
