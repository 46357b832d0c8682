# Copyright (c) 2026 The stalk.celery authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user of a shared Redis may try with the keys and channels of another, or with the server; by kind of command.

The first argument is the victim. With its own credentials everything in REALM has to work, and some of SERVER with the
administrator's, or they would prove nothing. The second is the URL of the server, with credentials. The third is the
only kind to try: what an administrator may do would end the server.
"""

from __future__ import annotations

import json
import sys

import redis

victim, url, *kinds = sys.argv[1:]
client = redis.Redis.from_url(url, protocol=2)
own = f"{client.connection_pool.connection_kwargs['username']}:attack"
key = f"{victim}:attack"
SAMPLES = {
    "string": ["SET", "s", "1"],
    "hash": ["HSET", "h", "f", "1"],
    "list": ["RPUSH", "l", "1", "2", "3", "4"],
    "set": ["SADD", "set", "1", "2"],
    "zset": ["ZADD", "z", "1", "a", "2", "b"],
    "stream": ["XADD", "x", "1-1", "f", "1"],
    "geo": ["GEOADD", "g", "13", "52", "berlin"],
    "hyperloglog": ["PFADD", "p", "a"],
}
REFUSALS = ("no permissions to", "executing the script can't", "command not allowed", "not allowed from script")
# V: is the victim's key, O: the attacker's own.
REALM = {
    "string": [
        "GET V:s",
        "SET V:s 1",
        "APPEND V:s 1",
        "MGET O:s V:s",
        "MSET O:s 1 V:s 1",
        "GETEX V:s",
        "STRLEN V:s",
        "LCS O:s V:s",
        "INCR V:s",
        "SETRANGE V:s 0 1",
    ],
    "hash": ["HGETALL V:h", "HSET V:h f 2", "HSCAN V:h 0", "HINCRBY V:h f 1", "HRANDFIELD V:h"],
    "list": [
        "LRANGE V:l 0 -1",
        "LPUSH V:l 1",
        "LMOVE O:l V:l LEFT LEFT",
        "RPOPLPUSH V:l O:l",
        "BLPOP V:l 1",
        "BRPOP V:l 1",
        "BLMPOP 1 1 V:l LEFT",
        "LPOS V:l 1",
    ],
    "set": [
        "SMEMBERS V:set",
        "SADD V:set 3",
        "SUNIONSTORE O:set2 V:set",
        "SUNIONSTORE V:set2 O:set",
        "SMOVE O:set V:set 1",
        "SINTERCARD 2 O:set V:set",
        "SSCAN V:set 0",
    ],
    "sortedset": [
        "ZRANGE V:z 0 -1",
        "ZADD V:z 3 c",
        "ZRANGESTORE O:z2 V:z 0 -1",
        "ZUNIONSTORE V:z2 1 O:z",
        "ZUNION 2 O:z V:z",
        "BZMPOP 1 1 V:z MIN",
        "ZSCAN V:z 0",
    ],
    "stream": [
        "XRANGE V:x - +",
        "XADD V:x * f 1",
        "XREAD STREAMS V:x 0",
        "XREAD STREAMS O:x V:x 0 0",
        "XINFO STREAM V:x",
        "XGROUP CREATE V:x g 0",
        "XREADGROUP GROUP g c STREAMS V:x >",
        "XTRIM V:x MAXLEN 9",
        "XPENDING V:x g",
        "XAUTOCLAIM V:x g c 0 0",
    ],
    "bitmap": ["GETBIT V:s 0", "BITOP NOT V:s2 O:s", "BITOP NOT O:s2 V:s", "BITFIELD V:s SET u8 0 49", "BITCOUNT V:s"],
    "hyperloglog": ["PFCOUNT V:p", "PFADD V:p b", "PFMERGE O:p2 V:p", "PFMERGE V:p2 O:p"],
    "geo": [
        "GEOPOS V:g berlin",
        "GEORADIUS O:g 13 52 1 km STORE V:z3",
        "GEORADIUSBYMEMBER V:g berlin 1 km",
        "GEOSEARCHSTORE V:z4 O:g FROMLONLAT 13 52 BYRADIUS 1 km",
        "GEOADD V:g 13 52 x",
    ],
    "keyspace": [
        "EXISTS V:s",
        "TYPE V:s",
        "TTL V:s",
        "EXPIRE V:s 999",
        "PERSIST V:s",
        "TOUCH V:s",
        "COPY V:s O:s3",
        "COPY O:s V:s4 DB 1",
        "COPY O:s V:s4",
        "OBJECT ENCODING V:s",
        "MEMORY USAGE V:s",
        "RENAME V:s4 O:s5",
        "RENAME O:s5 V:s4",
        "RENAMENX V:s4 O:s6",
        "DEL V:z3",
        "UNLINK V:z4",
    ],
    "transaction": ["WATCH V:s"],
    "pubsub": ["PUBLISH V:c 1", "SUBSCRIBE V:c", "PSUBSCRIBE V:*", "PUBLISH V:/0.nobody.pidbox 1"],
    "scripting": [
        "EVAL return(redis.call('GET',KEYS[1])) 1 V:s",
        "EVAL return(redis.call('GET',ARGV[1])) 0 V:s",
        "EVAL return(redis.call('SET',ARGV[1],1)) 0 V:s",
        "EVAL return(redis.call('PUBLISH',ARGV[1],1)) 0 V:c",
    ],
}
# What no environment may do at all, since it reaches further than its keys.
SERVER = {
    "names of keys and channels": [
        "KEYS *",
        "SCAN 0",
        "RANDOMKEY",
        "DBSIZE",
        "CLIENT TRACKING ON BCAST PREFIX V:",
        "MONITOR",
        "PUBSUB CHANNELS",
        "PUBSUB NUMSUB V:c",
        "PUBSUB SHARDCHANNELS",
        "SLOWLOG GET",
        "SORT O:l BY V:* GET V:*",
        "SORT_RO O:l GET V:*",
        "PSUBSCRIBE *",
        "PSUBSCRIBE __key*__:*",
        "SUBSCRIBE __keyevent@0__:set",
        "SSUBSCRIBE V:c",
        "EVAL return(redis.call('KEYS','*')) 0",
        "EVAL return(redis.call('RANDOMKEY')) 0",
    ],
    "what the scripts of others find": [
        "FUNCTION LOAD REPLACE #!lua",
        "FUNCTION LIST WITHCODE",
        "FUNCTION DELETE x",
        "FUNCTION FLUSH",
        "FUNCTION DUMP",
        "FCALL f 0",
        "FCALL_RO f 0",
        "SCRIPT FLUSH",
        "SCRIPT KILL",
        "SCRIPT DEBUG YES",
        "FUNCTION KILL",
    ],
    "all keys": [
        "FLUSHDB",
        "FLUSHALL",
        "SWAPDB 0 1",
        "MOVE V:s 1",
        "RESTORE V:s 0 x REPLACE",
        "MIGRATE h 1 V:s 0 1",
        "DEBUG OBJECT V:s",
        "DUMP V:s",
    ],
    "others' connections": [
        "CLIENT LIST",
        "CLIENT KILL ID 1",
        "CLIENT PAUSE 1",
        "CLIENT UNPAUSE",
        "CLIENT UNBLOCK 1",
        "CLIENT NO-EVICT ON",
        "CLIENT REPLY OFF",
        "CLIENT CACHING YES",
        "CLIENT TRACKINGINFO",
    ],
    "the server": [
        "CONFIG GET *",
        "CONFIG SET maxmemory 1",
        "CONFIG REWRITE",
        "ACL LIST",
        "ACL SETUSER O nopass",
        "ACL LOG",
        "ACL WHOAMI",
        "ACL GENPASS",
        "INFO",
        "SHUTDOWN NOSAVE",
        "SAVE",
        "BGSAVE",
        "BGREWRITEAOF",
        "LASTSAVE",
        "DEBUG SLEEP 1",
        "REPLICAOF h 1",
        "SLAVEOF h 1",
        "PSYNC ? -1",
        "SYNC",
        "FAILOVER",
        "ROLE",
        "MODULE LIST",
        "MODULE LOAD x",
        "LATENCY LATEST",
        "LATENCY DOCTOR",
        "MEMORY DOCTOR",
        "MEMORY PURGE",
        "MEMORY STATS",
        "SLOWLOG RESET",
        "COMMAND",
        "CLUSTER INFO",
        "LOLWUT",
        "WAIT 1 1",
        "READONLY",
        "EVAL return(redis.call('CONFIG','GET','*')) 0",
    ],
}


def outcome(line: str) -> str:
    """Say whether a command was carried out, denied, or failed for another reason, on a connection of its own."""
    words = [word.replace("V:", f"{key}:", 1).replace("O:", f"{own}:", 1) for word in line.split()]
    words = [word.replace(f"{victim}:attack:/0.", f"{victim}:/0.").replace(":attack:*", ":*") for word in words]
    connection = client.connection_pool.get_connection()
    try:
        connection.send_command(*words)
        connection.read_response()
    except redis.exceptions.RedisError as error:
        return "denied" if any(text in str(error).lower() for text in REFUSALS) else f"{type(error).__name__}: {error}"
    finally:
        connection.disconnect()
        client.connection_pool.release(connection)
    return "reached"


def prepare() -> None:
    """Make keys of each type, of the one who attacks."""
    connection = client.connection_pool.get_connection()
    for command, name, *words in SAMPLES.values():
        for words_of_command in (["DEL", f"{own}:{name}"], [command, f"{own}:{name}", *words]):
            connection.send_command(*words_of_command)
            connection.read_response()


def tried(table: dict[str, list[str]]) -> dict[str, str]:
    """Return what comes of the commands of a table, or of the wanted kinds."""
    return {line: outcome(line) for kind, lines in table.items() if kind in kinds or not kinds for line in lines}


prepare()
print(json.dumps({"realm": tried(REALM), "server": tried(SERVER)}))
