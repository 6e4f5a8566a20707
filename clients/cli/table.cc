// Columns side by side.
#include "clients/cli/table.h"

#include <algorithm>
#include <utility>

#include "clients/cli/format.h"

namespace mixmatch::cli {
namespace {

void AppendCell(const std::string& cell, size_t width, Table::Align align, std::string* line) {
  const std::string padding(width - std::min(width, ColumnsOf(cell)), ' ');
  *line += align == Table::Align::kRight ? padding + cell : cell + padding;
}

}  // namespace

void Table::AddRow(std::vector<std::string> cells) {
  cells.resize(columns_.size());
  for (std::string& cell : cells) cell = Printable(cell, cell_columns_max_);
  rows_.push_back(std::move(cells));
}

void Table::Print(std::ostream& out) const {
  std::vector<size_t> widths(columns_.size(), 0);
  for (const std::vector<std::string>& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], ColumnsOf(row[i]));
  }
  std::vector<std::string> titles;
  for (size_t i = 0; i < columns_.size(); ++i) {
    titles.push_back(columns_[i].title);
    if (widths[i] > 0) widths[i] = std::max(widths[i], ColumnsOf(titles[i]));
  }
  const auto print = [&](const std::vector<std::string>& cells) {
    std::string line;
    for (size_t i = 0; i < cells.size(); ++i) {
      if (widths[i] == 0) continue;
      if (!line.empty()) line += "  ";
      AppendCell(cells[i], widths[i], columns_[i].align, &line);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out << line << '\n';
  };
  if (rows_.empty()) return;
  print(titles);
  for (const std::vector<std::string>& row : rows_) print(row);
}

}  // namespace mixmatch::cli
