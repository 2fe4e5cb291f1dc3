namespace Whimbrel.Storage.Tests;

/// <summary>
/// The bytes of format 1. When this test fails the format has changed: stores that people have cannot be read any more. Then the format
/// gets another number, and what the new version does with a store of this one is decided first: see docs/design/0010.
/// </summary>
public class FormatTests
{
    [Fact]
    public void Every_record_of_format_1_has_these_bytes()
    {
        using MemoryEngine engine = RichStore.Make();
        string[] records =
        [
            .. from Family family in Enum.GetValues<Family>()
               from KeyValuePair<byte[], byte[]> entry in engine[family]
               select $"{family} {Convert.ToHexString(entry.Key)} {Convert.ToHexString(entry.Value)}",
        ];
        Assert.Equal(
        [
            "State 000000000000000000 01",
            "State 000000000000000001 ED863D924E",
            "State 000000000000000002 AD02",
            "State 000000000000000100 0004AC02036F6E65",
            "State 000000000000000101612F2B 1E01FFFFFF7F",
            "State 0000000000000001020000000000000003 0E4D3C017702010004676F6E65",
            "State 000000000000000103 0502020002A302",
            "State 0000000000000001041234 ",
            "State 0000000000000001050000000000000102 5678",
            "State 000000000000000200 0305FFFFFFFF0F80D8C1A28C340374776F0475736572",
            "Messages 000000000000012C 010174017001020101",
            "Messages 000000000000012C000000000000000200000000000000C9 1901050A2473686172652F672F23",
            "Messages 000000000000012D 3E80D8C1A28C340370756203612F62020101077061796C6F61640204C8011E0201F0A2040C2473686172652F672F612F23010201",
            "Retained 612F62 3E80D8C1A28C3403707562020101077061796C6F6164",
            "Retained 63 0000",
        ],
        records);
    }

    [Fact]
    public void A_queued_message_of_256_bytes_costs_less_than_40_bytes_besides_its_topic_and_its_publisher()
    {
        using var engine = new MemoryEngine();
        LayoutStore store = Batches.Opened(engine);
        var message = new Broker.Message("plant/7/temperature"u8, new byte[256], Protocol.QoS.AtLeastOnce, publisher: "sensor-000017");
        var batch = new Broker.StoreBatch { LastMessageId = 5_000_000_000, LastSessionNumber = 100_000 };
        store.Write(batch.With(Batches.Queued(5_000_000_000, message, (100_000, 1_000_000))));
        (byte[] key, byte[] value) = engine[Family.Messages].Single();
        Assert.InRange(key.Length + value.Length - 256 - message.Topic.Length - message.Publisher!.Length, 15, 30);
    }
}
