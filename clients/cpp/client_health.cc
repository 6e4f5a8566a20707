// The standard health service, grpc.health.v1, whose protos no package ships: its one request is
// empty here, and of its answer one field is read.
#include <google/protobuf/unknown_field_set.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>

#include <string>

#include "clients/cpp/client.h"
#include "clients/cpp/connection_internal.h"
#include "clients/cpp/retry_internal.h"

namespace mixmatch::client {
namespace {

constexpr char kCheck[] = "/grpc.health.v1.Health/Check";
constexpr int kStatusField = 1;
constexpr uint64_t kServing = 1;

// One unary call of bytes.
grpc::Status Call(grpc::GenericStub& stub, grpc::ClientContext* context, grpc::ByteBuffer& answer) {
  const grpc::Slice empty;
  const grpc::ByteBuffer request(&empty, 1);
  grpc::CompletionQueue queue;
  const auto call = stub.PrepareUnaryCall(context, kCheck, request, &queue);
  call->StartCall();
  grpc::Status status;
  call->Finish(&answer, &status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  queue.Next(&tag, &ok);
  return status;
}

bool SaysServing(const grpc::ByteBuffer& answer) {
  grpc::Slice slice;
  if (!answer.DumpToSingleSlice(&slice).ok()) return false;
  google::protobuf::UnknownFieldSet fields;
  if (!fields.ParseFromArray(slice.begin(), static_cast<int>(slice.size()))) return false;
  for (int i = 0; i < fields.field_count(); ++i) {
    const google::protobuf::UnknownField& field = fields.field(i);
    if (field.number() == kStatusField &&
        field.type() == google::protobuf::UnknownField::TYPE_VARINT) {
      return field.varint() == kServing;
    }
  }
  return false;
}

}  // namespace

absl::StatusOr<bool> Client::IsServing() const {
  grpc::GenericStub stub(connection_->channel());
  return Retry<bool>(connection_->options(), [&](grpc::ClientContext* context, bool* serving) {
    grpc::ByteBuffer answer;
    grpc::Status status = Call(stub, context, answer);
    *serving = status.ok() && SaysServing(answer);
    return status;
  });
}

}  // namespace mixmatch::client
