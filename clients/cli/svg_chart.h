// Line charts as SVG: panels one under the other, each with axes, ticks, and a legend beside it.
//
// Takes series of points; gives the text of a file that stands for itself, readable on white. A
// function of its arguments alone: equal charts are equal bytes. It knows nothing of what the
// points mean.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mixmatch::cli {

struct ChartPoint {
  double x = 0;
  double y = 0;
};

// Points of one kind. Those that are not finite are left out.
struct ChartSeries {
  enum class Mark { kNone, kDot, kCross };
  std::string name;    // in the legend
  std::string colour;  // "#1b9e77"
  bool line = true;    // joins the points in their order
  bool dashed = false;
  Mark mark = Mark::kNone;
  std::vector<ChartPoint> points;
};

struct Chart {
  std::string title;
  std::string x_label;
  std::string y_label;
  std::vector<ChartSeries>
      series;  // at most kSeriesMax are drawn; the legend says what is left out
  // The axes cover these and all points.
  std::vector<double> x_covers;
  std::vector<double> y_covers;
  bool x_whole = false;  // x counts something: no ticks between whole numbers
};

inline constexpr size_t kSeriesMax = 16;

// The whole file. `title` is for readers that cannot see it.
std::string SvgOf(std::string_view title, std::span<const Chart> charts);

// Colour i of a palette of ten that are told apart on white; then from the beginning.
std::string PaletteColour(size_t i);
// A colour of a scale from dark blue (0) by way of magenta to orange (1).
std::string ScaleColour(double share);

// Places of ticks: 1, 2 or 5 times a power of ten apart, but at least `apart_min`; about five of
// them within [low, high].
std::vector<double> TicksOf(double low, double high, double apart_min = 0);

// Text that may stand in XML: what means something there is escaped, control characters are spaces.
std::string XmlText(std::string_view text);

}  // namespace mixmatch::cli
