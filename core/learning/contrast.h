// The contrastive loss (InfoNCE) over embeddings, with its gradient: each row is pulled to its
// column and pushed from the others, but for those that are neutral. Where a term has at most one
// row for four columns, the columns that look most like the row's own (cosine above 0.7, at most a
// sixth of all) are not pushed either: a word that was said of a few sights does not tell these
// from all like them.
//
// Takes plans from core/learning/batch.h and embeddings from a model; serves training and judging
// alike. Knows no torch.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace mixmatch {

// One direction of one kind of pair: rows look for their partner among the columns.
struct ContrastTerm {
  struct Item {
    int sequence = 0;  // the embedding
    int episode = 0;   // of the batch: what it is an embedding of a part of
  };
  std::vector<Item> rows;
  std::vector<Item> columns;
  std::vector<int> partner;  // of each row: a place in columns
  float weight = 1;
  std::string
      label;  // what is told from what, such as "image -> audio"; several terms may share it
};

// Which episodes of a batch are neutral to each other: [B, B], 1 where they are.
struct Neutrality {
  int episodes = 0;
  std::vector<uint8_t> neutral;

  bool operator()(int a, int b) const {
    return neutral[static_cast<size_t>(a) * static_cast<size_t>(episodes) +
                   static_cast<size_t>(b)] != 0;
  }
};

// The loss of the terms of one label.
struct PairLoss {
  std::string pair;        // the label
  double loss = 0;         // mean over its positives
  uint64_t positives = 0;  // at least 1

  friend bool operator==(const PairLoss&, const PairLoss&) = default;
};

struct ContrastResult {
  double loss = 0;              // weighted mean over the terms that had a row to learn from
  uint64_t positives = 0;       // rows that had a partner and somebody to tell it from
  std::vector<PairLoss> pairs;  // of these, by label in the order of the terms
};

// Adds the loss of further positives to that of their pair, which is appended when it is new.
void AddPairLoss(std::vector<PairLoss>& pairs, const PairLoss& added);

// Rows over all terms that have a partner and at least one negative.
uint64_t CountPositives(std::span<const ContrastTerm> terms, const Neutrality& neutral);

// The loss of embeddings [S, E], of length 1, at inverse temperature `scale`. Where `gradient` [S,
// E] is not empty, the gradient of the loss is added to it. Deterministic.
ContrastResult Contrast(std::span<const float> embeddings, int embedding,
                        std::span<const ContrastTerm> terms, const Neutrality& neutral, float scale,
                        std::span<float> gradient);

}  // namespace mixmatch
