// Bytes in, bytes out: it knows the one call by its name.
#include "server/damaged_service.h"

#include <grpcpp/support/byte_buffer.h>

#include <string>

#include "mixmatch/v1/admin.pb.h"
#include "server/convert.h"
#include "server/version.h"

namespace mixmatch {
namespace {

constexpr char kGetStatus[] = "/mixmatch.v1.Admin/GetStatus";

// Ends with an error at once, or after one answer.
class Reactor final : public grpc::ServerGenericBidiReactor {
 public:
  explicit Reactor(const absl::Status& damage) { Finish(ToGrpc(damage)); }
  explicit Reactor(const v1::GetStatusResponse& response) {
    const grpc::Slice slice(response.SerializeAsString());
    answer_ = grpc::ByteBuffer(&slice, 1);
    StartWriteAndFinish(&answer_, grpc::WriteOptions(), grpc::Status::OK);
  }
  void OnDone() override { delete this; }

 private:
  grpc::ByteBuffer answer_;
};

}  // namespace

grpc::ServerGenericBidiReactor* DamagedService::CreateReactor(
    grpc::GenericCallbackServerContext* context) {
  if (context->method() != kGetStatus) return new Reactor(damage_);
  v1::GetStatusResponse response;
  response.set_version(kVersion);
  *response.mutable_start_time() = ToProto(start_time_);
  response.add_warnings(std::string(damage_.message()));
  return new Reactor(response);
}

}  // namespace mixmatch
