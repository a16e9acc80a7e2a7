// The server of interop.test.ts with grpc-go: echo <port>.
package main

import (
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// raw passes messages on as bytes.
type raw struct{}

func (raw) Marshal(v interface{}) ([]byte, error) { return *v.(*[]byte), nil }
func (raw) Unmarshal(data []byte, v interface{}) error {
	*v.(*[]byte) = append([]byte(nil), data...)
	return nil
}
func (raw) String() string { return "proto" }

func answer(_ interface{}, stream grpc.ServerStream) error {
	method, _ := grpc.MethodFromServerStream(stream)
	var message []byte
	if err := stream.RecvMsg(&message); err != nil {
		return err
	}
	stream.SetTrailer(metadata.Pairs("x-last", "trailer"))
	switch method {
	case "/t.T/Wait":
		<-stream.Context().Done()
		return status.FromContextError(stream.Context().Err()).Err()
	case "/t.T/Fail":
		stream.SetTrailer(metadata.Pairs("x-bytes-bin", "\x00\xff"))
		return status.Error(codes.NotFound, "no café, 100%")
	}
	incoming, _ := metadata.FromIncomingContext(stream.Context())
	if names := incoming.Get("x-name"); len(names) > 0 {
		stream.SetHeader(metadata.Pairs("x-first", names[0]))
	}
	return stream.SendMsg(&message)
}

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:"+os.Args[1])
	if err != nil {
		panic(err)
	}
	server := grpc.NewServer(grpc.CustomCodec(raw{}), grpc.UnknownServiceHandler(answer), grpc.MaxConcurrentStreams(8))
	leave := make(chan os.Signal, 1)
	signal.Notify(leave, syscall.SIGTERM)
	go func() {
		<-leave
		server.GracefulStop()
	}()
	fmt.Println("ready")
	if err := server.Serve(listener); err != nil {
		panic(err)
	}
}
