// bytes → AVIO over memory → demuxer → packets → decoder → frames → mean of the channels.
#include "core/media/audio_file.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <iterator>
#include <span>
#include <type_traits>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/media/libav.h"

namespace mixmatch {
namespace {

struct Choice {
  AVCodecID id;
  const char* decoder;
};

// The decoders that may run, by name, so that no external library comes in by another one's plugin.
constexpr Choice kDecoders[] = {
    {AV_CODEC_ID_PCM_U8, "pcm_u8"},       {AV_CODEC_ID_PCM_S16LE, "pcm_s16le"},
    {AV_CODEC_ID_PCM_S24LE, "pcm_s24le"}, {AV_CODEC_ID_PCM_S32LE, "pcm_s32le"},
    {AV_CODEC_ID_PCM_F32LE, "pcm_f32le"}, {AV_CODEC_ID_PCM_F64LE, "pcm_f64le"},
    {AV_CODEC_ID_PCM_ALAW, "pcm_alaw"},   {AV_CODEC_ID_PCM_MULAW, "pcm_mulaw"},
    {AV_CODEC_ID_FLAC, "flac"},           {AV_CODEC_ID_MP3, "mp3float"},
    {AV_CODEC_ID_VORBIS, "vorbis"},       {AV_CODEC_ID_OPUS, "opus"}};

const char* DemuxerOf(AudioFormat format) {
  switch (format) {
    case AudioFormat::kWav:
      return "wav";
    case AudioFormat::kFlac:
      return "flac";
    case AudioFormat::kMp3:
      return "mp3";
    case AudioFormat::kOgg:
      return "ogg";
    case AudioFormat::kUnknown:
      break;
  }
  return "";
}

absl::Status BadSound(const std::string& fact) {
  return InvalidField("audio.data", absl::StrCat("sound refused: ", fact));
}

// Bytes in memory as a file that can be read and sought.
class MemoryFile {
 public:
  explicit MemoryFile(std::string_view bytes) : bytes_(bytes) {
    constexpr int kBufferBytes = 16 << 10;
    auto* buffer = static_cast<unsigned char*>(av_malloc(kBufferBytes));
    io_ = avio_alloc_context(buffer, kBufferBytes, 0, this, &Read, nullptr, &Seek);
    if (io_ == nullptr) av_free(buffer);
  }
  ~MemoryFile() {
    if (io_ != nullptr) av_freep(&io_->buffer);
    avio_context_free(&io_);
  }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  AVIOContext* io() { return io_; }

 private:
  static int Read(void* self, uint8_t* out, int size) {
    auto* file = static_cast<MemoryFile*>(self);
    const size_t count = std::min(static_cast<size_t>(size), file->bytes_.size() - file->at_);
    if (count == 0) return AVERROR_EOF;
    std::memcpy(out, file->bytes_.data() + file->at_, count);
    file->at_ += count;
    return static_cast<int>(count);
  }

  static int64_t Seek(void* self, int64_t offset, int whence) {
    auto* file = static_cast<MemoryFile*>(self);
    const auto size = static_cast<int64_t>(file->bytes_.size());
    switch (whence & ~AVSEEK_FORCE) {
      case AVSEEK_SIZE:
        return size;
      case SEEK_SET:
        break;
      case SEEK_CUR:
        offset += static_cast<int64_t>(file->at_);
        break;
      case SEEK_END:
        offset += size;
        break;
      default:
        return AVERROR(EINVAL);
    }
    if (offset < 0 || offset > size) return AVERROR(EINVAL);
    file->at_ = static_cast<size_t>(offset);
    return offset;
  }

  std::string_view bytes_;
  size_t at_ = 0;
  AVIOContext* io_ = nullptr;
};

// No format of ours refers to other files; should one, it opens nothing.
int RefuseOpen(AVFormatContext*, AVIOContext**, const char*, int, AVDictionary**) {
  return AVERROR(EACCES);
}

struct FormatDeleter {
  void operator()(AVFormatContext* p) const { avformat_close_input(&p); }
};
using FormatContext = std::unique_ptr<AVFormatContext, FormatDeleter>;

absl::StatusOr<FormatContext> OpenFormat(MemoryFile& file, AudioFormat format) {
  const AVInputFormat* demuxer = av_find_input_format(DemuxerOf(format));
  AVFormatContext* raw = avformat_alloc_context();
  if (demuxer == nullptr || raw == nullptr || file.io() == nullptr) {
    avformat_free_context(raw);
    return absl::InternalError(absl::StrCat("decoding failed: libavformat offers no demuxer '",
                                            DemuxerOf(format), "'; install a complete one"));
  }
  raw->pb = file.io();
  raw->io_open = &RefuseOpen;
  // The WAV demuxer asks for a guess whether its PCM is DTS in disguise; that is no format of ours,
  // and guessing takes longer than decoding.
  raw->max_probe_packets = 1;
  raw->probesize = 32;
  raw->error_recognition = AV_EF_CRCCHECK | AV_EF_EXPLODE;
  const int code = avformat_open_input(&raw, "", demuxer, nullptr);  // frees `raw` on error
  if (code < 0) {
    return BadSound(absl::StrCat("the ", DemuxerOf(format), " header is damaged (",
                                 libav::ErrorText(code), "); repair or convert the file"));
  }
  return FormatContext(raw);
}

absl::StatusOr<libav::CodecContext> OpenDecoder(const AVStream& stream) {
  const AVCodecParameters& parameters = *stream.codecpar;
  const auto* choice = std::find_if(std::begin(kDecoders), std::end(kDecoders),
                                    [&](const Choice& c) { return c.id == parameters.codec_id; });
  if (choice == std::end(kDecoders)) {
    return BadSound(absl::StrCat("its coding (", avcodec_get_name(parameters.codec_id),
                                 ") is not supported; send PCM, FLAC, MP3, Vorbis or Opus"));
  }
  MM_ASSIGN_OR_RETURN(libav::CodecContext context, libav::StrictDecoder(choice->decoder));
  // MP3 has no checksums that writers keep, and its first frames may lean on ones that were cut.
  if (parameters.codec_id == AV_CODEC_ID_MP3) context->err_recognition = 0;
  int code = avcodec_parameters_to_context(context.get(), &parameters);
  context->pkt_timebase = stream.time_base;
  if (code >= 0) code = avcodec_open2(context.get(), nullptr, nullptr);
  if (code < 0) {
    return BadSound(absl::StrCat("its stream header is damaged (", libav::ErrorText(code),
                                 "); repair or convert the file"));
  }
  return context;
}

// Appends the mean of all channels; integers are scaled to [-1, 1).
template <typename T>
void AppendMono(const AVFrame& frame, bool planar, std::vector<float>& out) {
  const auto channels = static_cast<size_t>(frame.ch_layout.nb_channels);
  const auto count = static_cast<size_t>(frame.nb_samples);
  double offset = 0;
  double scale = 1.0 / static_cast<double>(channels);
  if constexpr (std::is_integral_v<T>) {
    constexpr unsigned kBits = 8 * sizeof(T);
    if constexpr (std::is_unsigned_v<T>) offset = -static_cast<double>(uint64_t{1} << (kBits - 1));
    scale /= static_cast<double>(uint64_t{1} << (kBits - 1));
  }
  const size_t start = out.size();
  out.resize(start + count);
  for (size_t i = 0; i < count; ++i) {
    double sum = 0;
    for (size_t c = 0; c < channels; ++c) {
      const auto* data =
          reinterpret_cast<const T*>(planar ? frame.extended_data[c] : frame.extended_data[0]);
      sum += static_cast<double>(planar ? data[i] : data[i * channels + c]) + offset;
    }
    out[start + i] = static_cast<float>(sum * scale);
  }
}

absl::Status AppendFrame(const AVFrame& frame, double seconds_max, DecodedSound& sound) {
  const auto channels = static_cast<uint32_t>(frame.ch_layout.nb_channels);
  const auto rate_hz = static_cast<uint32_t>(frame.sample_rate);
  if (channels == 0 || channels > kAudioChannelsMax) {
    return BadSound(absl::StrCat(channels, " channels; send 1 to ", kAudioChannelsMax));
  }
  if (rate_hz < kAudioRateMinHz || rate_hz > kAudioRateMaxHz) {
    return BadSound(absl::StrCat(rate_hz, " samples a second; send ", kAudioRateMinHz, " to ",
                                 kAudioRateMaxHz));
  }
  if (sound.rate_hz != 0 && sound.rate_hz != rate_hz) {
    return BadSound(absl::StrCat("its rate changes from ", sound.rate_hz, " to ", rate_hz,
                                 " Hz; send each part as a percept of its own"));
  }
  sound.rate_hz = rate_hz;
  const auto format = static_cast<AVSampleFormat>(frame.format);
  const bool planar = av_sample_fmt_is_planar(format) != 0;
  switch (av_get_packed_sample_fmt(format)) {
    case AV_SAMPLE_FMT_U8:
      AppendMono<uint8_t>(frame, planar, sound.samples);
      break;
    case AV_SAMPLE_FMT_S16:
      AppendMono<int16_t>(frame, planar, sound.samples);
      break;
    case AV_SAMPLE_FMT_S32:
      AppendMono<int32_t>(frame, planar, sound.samples);
      break;
    case AV_SAMPLE_FMT_FLT:
      AppendMono<float>(frame, planar, sound.samples);
      break;
    case AV_SAMPLE_FMT_DBL:
      AppendMono<double>(frame, planar, sound.samples);
      break;
    default:
      return BadSound("its sample format is not supported; send 16-bit PCM");
  }
  if (static_cast<double>(sound.samples.size()) > seconds_max * rate_hz) {
    return BadSound(absl::StrCat("longer than ", seconds_max, " s; send it in shorter parts"));
  }
  return absl::OkStatus();
}

// Decodes one packet, or what the decoder still holds when `packet` is null. Sets `damaged` when
// the decoder refuses it.
absl::Status DecodePacket(AVCodecContext& decoder, const AVPacket* packet, double seconds_max,
                          AVFrame& frame, DecodedSound& sound, bool& damaged) {
  int code = avcodec_send_packet(&decoder, packet);
  damaged = code < 0;
  while (!damaged) {
    code = avcodec_receive_frame(&decoder, &frame);
    if (code == AVERROR(EAGAIN) || code == AVERROR_EOF) break;
    damaged = code < 0;
    if (!damaged) MM_RETURN_IF_ERROR(AppendFrame(frame, seconds_max, sound));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<DecodedSound> DecodeSoundFile(std::string_view bytes, AudioFormat format,
                                             double seconds_max) {
  MemoryFile file(bytes);
  MM_ASSIGN_OR_RETURN(const FormatContext container, OpenFormat(file, format));
  const auto streams = std::span(container->streams, container->nb_streams);
  const auto stream = std::find_if(streams.begin(), streams.end(), [](const AVStream* s) {
    return s->codecpar->codec_type == AVMEDIA_TYPE_AUDIO;
  });
  if (stream == streams.end()) return BadSound("the file holds no sound; send one that does");
  MM_ASSIGN_OR_RETURN(const libav::CodecContext decoder, OpenDecoder(**stream));
  const libav::Packet packet(av_packet_alloc());
  const libav::Frame frame(av_frame_alloc());
  if (packet == nullptr || frame == nullptr) {
    return absl::InternalError("decoding failed: out of memory; free some");
  }
  DecodedSound sound;
  size_t good = 0;
  size_t bad = 0;
  int code = 0;
  while ((code = av_read_frame(container.get(), packet.get())) >= 0) {
    bool damaged = false;
    absl::Status status;
    if (packet->stream_index == (*stream)->index) {
      status = DecodePacket(*decoder, packet.get(), seconds_max, *frame, sound, damaged);
      ++(damaged ? bad : good);
    }
    av_packet_unref(packet.get());
    MM_RETURN_IF_ERROR(status);
  }
  bool damaged = false;
  MM_RETURN_IF_ERROR(DecodePacket(*decoder, nullptr, seconds_max, *frame, sound, damaged));
  // Players skip what is no MP3 frame, such as tags at the end; so is done here, while most is.
  const size_t bad_max = format == AudioFormat::kMp3 ? good / 2 : 0;
  if (code != AVERROR_EOF || bad > bad_max) {
    return BadSound(
        absl::StrCat(bad, " of ", good + bad, " packets are damaged; repair or convert the file"));
  }
  const int64_t declared = format == AudioFormat::kFlac ? (*stream)->duration : 0;
  if (static_cast<int64_t>(sound.samples.size()) < declared) {
    return BadSound(absl::StrCat("the FLAC header declares ", declared, " samples but ",
                                 sound.samples.size(), " are there; send the whole file"));
  }
  return sound;
}

}  // namespace mixmatch
