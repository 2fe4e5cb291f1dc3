// The aedes broker with nothing around it: node broker.js PORT. Everything in memory, on loopback, until it is ended.
'use strict';
const net = require('node:net');
const aedes = require('aedes')();

net.createServer(aedes.handle).listen(Number(process.argv[2]), '127.0.0.1');
