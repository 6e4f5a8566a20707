// A table of aligned columns for the terminal.
//
// Takes cells of text; gives lines. It knows nothing of what the cells mean.
#pragma once

#include <cstddef>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

namespace mixmatch::cli {

// Thread-safety: Not thread-safe: one owner thread.
class Table {
 public:
  enum class Align { kLeft, kRight };
  struct Column {
    std::string title;
    Align align = Align::kLeft;
  };

  // Columns that are empty in every row are left out.
  // Cells longer than `cell_columns_max` are cut.
  explicit Table(std::vector<Column> columns, size_t cell_columns_max = 80)
      : columns_(std::move(columns)), cell_columns_max_(cell_columns_max) {}

  // As many cells as columns; control characters become spaces.
  void AddRow(std::vector<std::string> cells);

  // Titles and rows, two spaces between columns, no spaces at the ends of lines.
  void Print(std::ostream& out) const;

  bool empty() const { return rows_.empty(); }

 private:
  std::vector<Column> columns_;
  size_t cell_columns_max_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace mixmatch::cli
