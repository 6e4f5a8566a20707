// Names of the payload kinds.
#include "core/base/payload_kind.h"

namespace mixmatch {

std::string_view PayloadKindName(PayloadKind kind) {
  switch (kind) {
    case PayloadKind::kText:
      return "text";
    case PayloadKind::kAudio:
      return "audio";
    case PayloadKind::kImage:
      return "image";
    case PayloadKind::kVideo:
      return "video";
    case PayloadKind::kSeries:
      return "series";
    case PayloadKind::kVector:
      return "vector";
  }
  return "unknown";
}

}  // namespace mixmatch
