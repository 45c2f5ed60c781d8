// An echo server with npm's ws, on the port PORT or any. It prints its port and ends when it is killed.
const { WebSocketServer } = require('ws');

const server = new WebSocketServer({ host: '127.0.0.1', port: Number(process.env.PORT || 0) }, () => {
  console.log(server.address().port);
});
server.on('connection', (socket) => {
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
});
