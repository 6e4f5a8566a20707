// Panel by panel: frame and ticks, series, legend.
#include "clients/cli/svg_chart.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "clients/cli/format.h"

namespace mixmatch::cli {
namespace {

// In pixels.
constexpr double kWidth = 960;
constexpr double kPanelHeight = 330;
constexpr double kLeft = 70;
constexpr double kRight = 700;  // of the plot; the legend is beside it
constexpr double kTop = 40;
constexpr double kBottom = 280;
constexpr double kLegendRow = 15;
constexpr size_t kDotsMax = 60;  // lines with more points show no dots
constexpr size_t kLegendColumnsMax = 34;

struct Range {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();

  void Cover(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
  // Never empty, so that something can be divided by its length.
  Range Widened() const {
    if (low > high) return {0, 1};
    if (low == high) return {low - 0.5, high + 0.5};
    return *this;
  }
};

bool IsFinite(const ChartPoint& point) { return std::isfinite(point.x) && std::isfinite(point.y); }

std::string Pixel(double value) { return absl::StrFormat("%.1f", value); }

std::string Text(double x, double y, const char* anchor, std::string_view text,
                 const char* more = "") {
  return absl::StrCat("<text x=\"", Pixel(x), "\" y=\"", Pixel(y), "\" text-anchor=\"", anchor,
                      "\"", more, ">", XmlText(text), "</text>\n");
}

std::string Line(double x1, double y1, double x2, double y2, const char* colour) {
  return absl::StrCat("<line x1=\"", Pixel(x1), "\" y1=\"", Pixel(y1), "\" x2=\"", Pixel(x2),
                      "\" y2=\"", Pixel(y2), "\" stroke=\"", colour, "\"/>\n");
}

std::string TickText(double value) {
  if (std::abs(value) < 1000 || value != std::floor(value)) return absl::StrFormat("%g", value);
  return absl::StrCat(value < 0 ? "-" : "", CountText(static_cast<uint64_t>(std::abs(value))));
}

// One panel; y grows downwards from `top`.
class Panel {
 public:
  Panel(const Chart& chart, double top) : chart_(chart), top_(top) {
    for (const ChartSeries& series : Drawn()) {
      for (const ChartPoint& point : series.points) {
        if (!IsFinite(point)) continue;
        empty_ = false;
        x_.Cover(point.x);
        y_.Cover(point.y);
      }
    }
    for (const double x : chart.x_covers) x_.Cover(x);
    for (const double y : chart.y_covers) y_.Cover(y);
    x_ = x_.Widened();
    y_ = y_.Widened();
  }

  std::string Draw() {
    std::string out = "<g>\n";
    DrawFrame(&out);
    for (const ChartSeries& series : Drawn()) DrawSeries(series, &out);
    if (empty_) out += Text((kLeft + kRight) / 2, Y(kTop + 120), "middle", "nothing yet");
    DrawLegend(&out);
    return out + "</g>\n";
  }

 private:
  std::span<const ChartSeries> Drawn() const {
    return std::span(chart_.series).first(std::min(chart_.series.size(), kSeriesMax));
  }
  double Y(double within) const { return top_ + within; }
  double XOf(double x) const {
    return kLeft + (x - x_.low) / (x_.high - x_.low) * (kRight - kLeft);
  }
  double YOf(double y) const {
    return Y(kBottom - (y - y_.low) / (y_.high - y_.low) * (kBottom - kTop));
  }

  void DrawFrame(std::string* out) const {
    *out += Text(kLeft, Y(24), "start", chart_.title, " font-size=\"14\" font-weight=\"bold\"");
    for (const double y : TicksOf(y_.low, y_.high)) {
      *out += Line(kLeft, YOf(y), kRight, YOf(y), "#e0e0e0");
      *out += Text(kLeft - 6, YOf(y) + 4, "end", TickText(y));
    }
    for (const double x : TicksOf(x_.low, x_.high, chart_.x_whole ? 1 : 0)) {
      *out += Line(XOf(x), Y(kBottom), XOf(x), Y(kBottom + 5), "#404040");
      *out += Text(XOf(x), Y(kBottom + 18), "middle", TickText(x));
    }
    *out += Line(kLeft, Y(kTop), kLeft, Y(kBottom), "#404040");
    *out += Line(kLeft, Y(kBottom), kRight, Y(kBottom), "#404040");
    *out += Text((kLeft + kRight) / 2, Y(kBottom + 36), "middle", chart_.x_label);
    const std::string turn =
        absl::StrCat(" transform=\"rotate(-90 16 ", Pixel(Y((kTop + kBottom) / 2)), ")\"");
    *out += Text(16, Y((kTop + kBottom) / 2), "middle", chart_.y_label, turn.c_str());
  }

  static void DrawMark(ChartSeries::Mark mark, const std::string& colour, double x, double y,
                       double size, std::string* out) {
    if (mark == ChartSeries::Mark::kDot) {
      absl::StrAppend(out, "<circle cx=\"", Pixel(x), "\" cy=\"", Pixel(y), "\" r=\"", Pixel(size),
                      "\" fill=\"", colour, "\"/>\n");
    } else if (mark == ChartSeries::Mark::kCross) {
      absl::StrAppend(out, "<path d=\"M", Pixel(x - size), " ", Pixel(y - size), "L",
                      Pixel(x + size), " ", Pixel(y + size), "M", Pixel(x - size), " ",
                      Pixel(y + size), "L", Pixel(x + size), " ", Pixel(y - size),
                      "\" fill=\"none\" stroke=\"", colour, "\" stroke-width=\"2\"/>\n");
    }
  }

  static std::string StrokeOf(const ChartSeries& series) {
    return absl::StrCat(" fill=\"none\" stroke=\"", series.colour, "\" stroke-width=\"1.5\"",
                        series.dashed ? " stroke-dasharray=\"6 3\"" : "", "/>\n");
  }

  void DrawSeries(const ChartSeries& series, std::string* out) const {
    std::vector<ChartPoint> points;
    std::copy_if(series.points.begin(), series.points.end(), std::back_inserter(points), IsFinite);
    if (series.line && points.size() > 1) {
      std::string places;
      for (const ChartPoint& point : points) {
        absl::StrAppend(&places, places.empty() ? "" : " ", Pixel(XOf(point.x)), ",",
                        Pixel(YOf(point.y)));
      }
      absl::StrAppend(out, "<polyline points=\"", places, "\"", StrokeOf(series));
    }
    const bool dots = series.line && points.size() <= kDotsMax;
    for (const ChartPoint& point : points) {
      if (series.mark != ChartSeries::Mark::kNone) {
        DrawMark(series.mark, series.colour, XOf(point.x), YOf(point.y), 4, out);
      } else if (dots) {
        DrawMark(ChartSeries::Mark::kDot, series.colour, XOf(point.x), YOf(point.y), 1.8, out);
      }
    }
  }

  void DrawLegend(std::string* out) const {
    double y = Y(kTop + 8);
    for (const ChartSeries& series : Drawn()) {
      if (series.line) {
        absl::StrAppend(out, "<path d=\"M", Pixel(kRight + 14), " ", Pixel(y), "H",
                        Pixel(kRight + 38), "\"", StrokeOf(series));
      }
      DrawMark(series.mark, series.colour, kRight + 26, y, 4, out);
      *out += Text(kRight + 44, y + 4, "start", Printable(series.name, kLegendColumnsMax));
      y += kLegendRow;
    }
    if (chart_.series.size() > kSeriesMax) {
      *out += Text(kRight + 44, y + 4, "start",
                   absl::StrCat("and ", chart_.series.size() - kSeriesMax, " more"));
    }
  }

  const Chart& chart_;
  const double top_;
  bool empty_ = true;
  Range x_;
  Range y_;
};

}  // namespace

std::string SvgOf(std::string_view title, std::span<const Chart> charts) {
  const std::string height =
      absl::StrFormat("%.0f", kPanelHeight * static_cast<double>(charts.size()));
  const std::string width = absl::StrFormat("%.0f", kWidth);
  std::string out = absl::StrCat(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"",
      width, "\" height=\"", height, "\" viewBox=\"0 0 ", width, " ", height,
      "\" font-family=\"sans-serif\" font-size=\"12\" fill=\"#202020\">\n<title>", XmlText(title),
      "</title>\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n");
  double top = 0;
  for (const Chart& chart : charts) {
    out += Panel(chart, top).Draw();
    top += kPanelHeight;
  }
  return out + "</svg>\n";
}

std::string PaletteColour(size_t i) {
  static constexpr std::array<const char*, 10> kPalette = {
      "#1f77b4", "#d95f02", "#2ca02c", "#d62728", "#9467bd",
      "#8c564b", "#e377c2", "#7f7f7f", "#a6a000", "#17a2b8"};
  return kPalette[i % kPalette.size()];
}

std::string ScaleColour(double share) {
  using Colour = std::array<double, 3>;
  static constexpr std::array<Colour, 3> kStops = {
      Colour{0x1B, 0x2A, 0x6B}, Colour{0xB5, 0x36, 0x7A}, Colour{0xF2, 0xA0, 0x2B}};
  const double at = std::clamp(share, 0.0, 1.0) * (kStops.size() - 1);
  const size_t stop = std::min(static_cast<size_t>(at), kStops.size() - 2);
  const double within = at - static_cast<double>(stop);
  std::string colour = "#";
  for (size_t i = 0; i < 3; ++i) {
    const double from = kStops[stop][i];
    absl::StrAppend(
        &colour,
        absl::StrFormat("%02x", std::lround(from + within * (kStops[stop + 1][i] - from))));
  }
  return colour;
}

std::vector<double> TicksOf(double low, double high, double apart_min) {
  std::vector<double> ticks;
  if (!(low < high) || !std::isfinite(high - low)) return ticks;
  const double rough = (high - low) / 5;
  const double power = std::pow(10, std::floor(std::log10(rough)));
  double step = 10 * power;
  for (const double factor : {5.0, 2.0, 1.0}) {
    if (factor * power >= rough * 0.8) step = factor * power;
  }
  step = std::max(step, apart_min);
  const double first = std::ceil(low / step - 1e-9);
  const double last = std::floor(high / step + 1e-9);
  for (double i = first; i <= last && ticks.size() < 12; ++i) {
    ticks.push_back(i == 0 ? 0 : i * step);  // never -0
  }
  return ticks;
}

std::string XmlText(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (c == '"') {
      out += "&quot;";
    } else if (c == '\'') {
      out += "&apos;";
    } else {
      out.push_back(byte < 0x20 || byte == 0x7F ? ' ' : c);
    }
  }
  return out;
}

}  // namespace mixmatch::cli
