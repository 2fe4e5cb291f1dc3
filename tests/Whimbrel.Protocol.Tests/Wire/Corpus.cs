namespace Whimbrel.Protocol.Tests;

/// <summary>Valid packets of every type and shape, in the notation of <see cref="Bytes"/>.</summary>
internal static class Corpus
{
    /// <summary>Packets that MQTT 3.1.1 accepts; 3.1 does so too.</summary>
    internal static readonly string[] Version3 =
    [
        "10 [ `MQIsdp` 03 02 00 3C `a` ]",
        "10 [ `MQIsdp` 83 82 00 3C `a` `bob` ]",
        "10 [ `MQTT` 04 02 00 00 `` ]",
        "10 [ `MQTT` 84 00 00 00 `bridge` ]",
        "10 [ `MQTT` 04 F6 00 0A `id` `w/t` `gone` `bob` `secret` ]",
        "20 [ 00 00 ]",
        "20 [ 01 00 ]",
        "20 [ 00 05 ]",
        "30 [ `a` 01 02 03 ]",
        "31 [ `a` ]",
        "32 [ `a/b` 00 0A 'hey' ]",
        "3D [ `a/b` FF FF ]",
        "40 [ 12 34 ]",
        "50 [ 12 34 ]",
        "62 [ 12 34 ]",
        "70 [ 12 34 ]",
        "82 [ 00 01 `a/b` 01 ]",
        "82 [ FF FF `#` 00 `+` 01 `/+/x` 02 ]",
        "90 [ 00 01 00 ]",
        "90 [ 00 02 00 01 02 80 ]",
        "A2 [ 00 01 `a/b` ]",
        "A2 [ 00 01 `a/b` `#` ]",
        "B0 [ 00 01 ]",
        "C0 00",
        "D0 00",
        "E0 00",
    ];

    /// <summary>Packets that MQTT 5.0 accepts.</summary>
    internal static readonly string[] Version5 =
    [
        "10 [ `MQTT` 05 02 00 3C [ ] `` ]",
        "10 [ `MQTT` 05 C2 00 3C [ 11 00 00 00 0A 21 00 14 27 00 00 10 00 22 00 05 19 01 17 00 15 `SCRAM` 16 00 02 01 02"
            + " 26 `k` `v` 26 `k` `w` ] `id` `bob` 00 02 00 FF ]",
        "10 [ `MQTT` 05 36 00 00 [ ] `id`"
            + " [ 18 00 00 00 05 02 00 00 00 3C 01 01 03 `text` 08 `r/t` 09 00 03 01 02 03 26 `one` `1` 26 `two` `` ]"
            + " `w/t` `by` ]",
        "10 [ `MQTT` 05 44 00 00 [ ] `id` [ ] `w` `` `password without a name` ]",
        "20 [ 00 00 [ ] ]",
        "20 [ 01 00 [ ] ]",
        "20 [ 00 87 [ 1F `never` ] ]",
        "20 [ 00 00 [ 11 00 00 00 0A 21 00 14 24 01 25 00 27 00 10 00 00 12 `auto` 22 00 0A 1F `ok`"
            + " 26 `k` `v` 28 01 29 00 2A 01 13 00 1E 1A `resp` 1C `other` 15 `SCRAM` 16 00 03 01 02 03 26 `k` `v` 26 `l` `` ] ]",
        "30 [ `a` [ ] 01 02 03 ]",
        "32 [ `a/b` 00 0A [ ] 'hey' ]",
        "35 [ `` 00 0A [ 23 00 07 ] 'hi' ]",
        "3D [ `a/b` 00 0A [ 01 01 02 00 00 00 3C 23 00 01 03 `t` 08 `r` 09 00 02 00 FF 0B 01 0B FF FF FF 7F"
            + " 26 `k` `v` 26 `k` `v` ] 'p' ]",
        "40 [ 12 34 ]",
        "40 [ 12 34 10 ]",
        "40 [ 12 34 00 [ 26 `k` `val` ] ]",
        "50 [ 12 34 ]",
        "50 [ 12 34 97 [ 1F `full` ] ]",
        "62 [ 12 34 ]",
        "62 [ 12 34 92 ]",
        "70 [ 12 34 ]",
        "70 [ 12 34 92 [ ] ]",
        "82 [ 00 01 [ ] `a/b` 01 ]",
        "82 [ 00 01 [ 0B 80 01 26 `k` `v` ] `#` 2C `+` 1E `$share/g/a` 01 ]",
        "90 [ 00 01 [ ] 00 ]",
        "90 [ 00 02 [ 1F `why` ] 00 01 02 80 87 8F 97 ]",
        "A2 [ 00 01 [ ] `a/b` ]",
        "A2 [ 00 01 [ 26 `k` `v2` ] `+` `#` ]",
        "B0 [ 00 01 [ ] 00 ]",
        "B0 [ 00 01 [ 1F `why` ] 00 11 ]",
        "C0 00",
        "D0 00",
        "E0 00",
        "E0 [ 04 ]",
        "E0 [ 8E [ ] ]",
        "E0 [ 9D [ 11 00 00 00 00 1F `r` 1C `s` 26 `k` `v` ] ]",
        "F0 00",
        "F0 [ 18 [ 15 `SCRAM` 16 00 04 01 02 03 04 1F `r` 26 `k` `v2` ] ]",
    ];
}
