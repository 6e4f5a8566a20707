// Episode by episode.
#include "core/graph/graph.h"

#include <algorithm>
#include <cmath>
#include <set>

namespace mixmatch {
namespace {

constexpr size_t kWordsMax = 16;
constexpr size_t kWordBytesMax = 32;
constexpr double kTellingLift = 1.5;  // with the concept so much more often than without

bool IsLetter(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (static_cast<unsigned char>(c) & 0x80) != 0;
}

}  // namespace

std::vector<std::string> WordsOf(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  for (size_t i = 0; i <= text.size() && words.size() < kWordsMax; ++i) {
    if (i < text.size() && IsLetter(text[i])) {
      const char c = text[i];
      word.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
    } else if (!word.empty()) {
      if (word.size() <= kWordBytesMax) words.push_back(word);
      word.clear();
    }
  }
  return words;
}

void Graph::Add(const GraphEpisode& episode) {
  std::vector<Occurrence> occurrences;
  std::set<ConceptId> here;
  std::set<std::string> words;
  for (const GraphPercept& percept : episode.percepts) {
    words.insert(percept.words.begin(), percept.words.end());
    const ConceptId id = concepts_.Assign(percept.modality, percept.vector);
    if (id == 0) {
      ++unassigned_;
      continue;
    }
    here.insert(id);
    occurrences.push_back({id, percept.time});
    ConceptFacts& facts = facts_[id];
    ++facts.members;
    ++facts.by_modality[percept.modality];
    facts.last = std::max(facts.last, percept.time);
    times_[id].push_back(percept.time);
  }
  for (const std::string& word : words) ++words_[word];
  for (const ConceptId id : here) {
    ConceptFacts& facts = facts_[id];
    ++facts.episodes;
    for (const std::string& word : words) ++facts.words[word];
  }
  ++episodes_;
  associations_.Add(episode.scene, occurrences);
}

const ConceptFacts& Graph::facts(ConceptId id) const {
  static const ConceptFacts kNone;
  const auto known = facts_.find(id);
  return known == facts_.end() ? kNone : known->second;
}

std::vector<std::string> Graph::Names(ConceptId id, size_t count) const {
  const ConceptFacts& known = facts(id);
  std::vector<std::pair<double, std::string>> telling;
  for (const auto& [word, with] : known.words) {
    const double expected = static_cast<double>(known.episodes) *
                            static_cast<double>(words_.at(word)) / static_cast<double>(episodes_);
    const double lift = static_cast<double>(with) / expected;
    if (lift < kTellingLift) continue;
    telling.emplace_back(-static_cast<double>(with) * std::log(lift), word);
  }
  std::sort(telling.begin(), telling.end());
  std::vector<std::string> names;
  for (size_t i = 0; i < std::min(count, telling.size()); ++i) names.push_back(telling[i].second);
  return names;
}

std::vector<uint64_t> Graph::Timeline(ConceptId id, absl::Time start, absl::Time end,
                                      size_t parts) const {
  std::vector<uint64_t> counts(parts);
  const auto times = times_.find(id);
  if (times == times_.end() || end <= start) return counts;
  const double length = absl::ToDoubleSeconds(end - start);
  for (const absl::Time time : times->second) {
    if (time < start || time >= end) continue;
    const double place = absl::ToDoubleSeconds(time - start) / length;
    ++counts[std::min(parts - 1, static_cast<size_t>(place * static_cast<double>(parts)))];
  }
  return counts;
}

std::pair<absl::Time, absl::Time> Graph::Span(ConceptId id) const {
  const auto times = times_.find(id);
  if (times == times_.end()) return {absl::InfiniteFuture(), absl::InfinitePast()};
  const auto [first, last] = std::minmax_element(times->second.begin(), times->second.end());
  return {*first, *last};
}

}  // namespace mixmatch
