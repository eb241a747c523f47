// Aedes under test: PORT TRANSPORT CERTFILE KEYFILE. Nothing is dropped, nothing goes to the disk.
'use strict'

const fs = require('node:fs')
const net = require('node:net')
const tls = require('node:tls')
const https = require('node:https')
const { Aedes } = require('aedes')

const [port, transport, certfile, keyfile] = process.argv.slice(2)

async function main () {
  const aedes = await Aedes.createBroker({ concurrency: 10000, queueLimit: 1000000, drainTimeout: 0 })
  const handle = (stream) => {
    if (stream.setNoDelay) stream.setNoDelay(true)
    aedes.handle(stream)
  }
  const secret = transport === 'tcp' ? {} : { cert: fs.readFileSync(certfile), key: fs.readFileSync(keyfile) }
  let server
  if (transport === 'wss') {
    const ws = require('ws')
    server = https.createServer(secret)
    new ws.WebSocketServer({ server, perMessageDeflate: false, handleProtocols: () => 'mqtt' })
      .on('connection', (socket) => aedes.handle(ws.createWebSocketStream(socket)))
  } else {
    server = transport === 'tls' ? tls.createServer(secret, handle) : net.createServer(handle)
  }
  server.on('tlsClientError', () => {})
  server.listen({ port: Number(port), host: '127.0.0.1', backlog: 1024 })
  process.on('SIGTERM', () => process.exit(0))
}

main()
