using Whimbrel.Tests;

namespace Whimbrel.Protocol.Tests;

public class PropertyReaderTests
{
    [Fact]
    public void Every_property_is_accepted_where_the_table_allows_it_and_nowhere_else()
    {
        Assert.Equal(27, PropertyTable.Rows.Length);
        Assert.Equal(Enum.GetValues<PropertyId>().Select(id => (byte)id), PropertyTable.Rows.Select(row => row.Id));
        foreach (PropertyRow row in PropertyTable.Rows)
        {
            foreach (PropertyScope scope in PropertyTable.Scopes)
            {
                Violation violation = PropertyTable.Judge(row.Good, scope);
                Assert.True(row.IsAllowed(scope) == violation.IsNone, $"{row.Id:X2} in {scope}: {violation}");
                Assert.True(violation.IsNone || violation.Reason == ReasonCode.MalformedPacket);
            }
        }
    }

    [Fact]
    public void A_property_is_not_included_twice_unless_it_may_be()
    {
        foreach (PropertyRow row in PropertyTable.Rows)
        {
            foreach (PropertyScope scope in PropertyTable.Scopes.Where(row.IsAllowed))
            {
                Violation violation = PropertyTable.Judge($"{row.Good} {row.Good}", scope);
                Assert.True(row.MayRepeat(scope) == violation.IsNone, $"{row.Id:X2} in {scope}: {violation}");
                Assert.True(violation.IsNone || violation.Reason == ReasonCode.ProtocolError);

                violation = PropertyTable.Judge($"{row.Good} 26 `k` `v` {row.Good}", scope);
                Assert.Equal(row.MayRepeat(scope), violation.IsNone);
            }
        }
    }

    [Fact]
    public void An_unknown_identifier_is_malformed()
    {
        var known = PropertyTable.Rows.Select(row => row.Id).ToHashSet();
        for (int id = 0; id < 256; id++)
        {
            foreach (PropertyScope scope in PropertyTable.Scopes)
            {
                if (!known.Contains((byte)id))
                {
                    byte[] block = [(byte)id, 0, 0, 0, 0, 0, 0, 0];
                    Assert.Equal(ReasonCode.MalformedPacket, PropertyTable.Judge(block, scope).Reason);
                }
            }
        }
    }

    [Fact]
    public void A_property_cut_short_anywhere_is_malformed()
    {
        foreach (PropertyRow row in PropertyTable.Rows)
        {
            byte[] good = Bytes.Of(row.Good);
            foreach (PropertyScope scope in PropertyTable.Scopes.Where(row.IsAllowed))
            {
                for (int length = 1; length < good.Length; length++)
                {
                    Assert.Equal(ReasonCode.MalformedPacket, PropertyTable.Judge(good.AsSpan(0, length), scope).Reason);
                }
            }
        }
    }

    [Fact]
    public void The_value_is_read_by_its_type()
    {
        foreach (PropertyRow row in PropertyTable.Rows)
        {
            byte[] good = Bytes.Of(row.Good);
            var reader = new PropertyReader(good, PropertyTable.Scopes.First(row.IsAllowed));
            Assert.True(reader.TryNext(out Property property));
            Assert.Equal(row.Id, (byte)property.Id);
            Assert.Equal(good, property.Encoded);
            uint number = 0;
            if (row.Kind is "byte" or "two" or "four")
            {
                Assert.Equal(row.Kind switch { "byte" => 2, "two" => 3, _ => 5 }, good.Length);
                number = good[1..].Aggregate(0u, (sum, b) => (sum << 8) | b);
            }

            Assert.Equal(row.Kind == "varint" ? 268_435_455 : number, property.Number);
            Assert.Equal(row.Kind is "text" or "binary" ? good[3..] : row.Kind == "pair" ? Bytes.Of("'name'") : [], property.Text);
            Assert.Equal(row.Kind == "pair" ? Bytes.Of("'value'") : [], property.Value);
            Assert.False(reader.TryNext(out _));
            Assert.True(reader.Violation.IsNone);
        }
    }

    [Fact]
    public void A_byte_property_is_0_or_1()
    {
        foreach (PropertyRow row in PropertyTable.Rows.Where(row => row.Kind == "byte"))
        {
            foreach (PropertyScope scope in PropertyTable.Scopes.Where(row.IsAllowed))
            {
                for (int value = 0; value < 256; value++)
                {
                    Violation violation = PropertyTable.Judge([row.Id, (byte)value], scope);
                    Assert.Equal(value <= 1, violation.IsNone);
                    Assert.Equal(value <= 1 ? default : ReasonCode.ProtocolError, violation.Reason);
                }
            }
        }
    }

    [Theory]
    [InlineData("21 00 00", PropertyScope.Connect, ReasonCode.ProtocolError)]
    [InlineData("21 00 00", PropertyScope.ConnAck, ReasonCode.ProtocolError)]
    [InlineData("27 00 00 00 00", PropertyScope.Connect, ReasonCode.ProtocolError)]
    [InlineData("27 00 00 00 00", PropertyScope.ConnAck, ReasonCode.ProtocolError)]
    [InlineData("0B 00", PropertyScope.Subscribe, ReasonCode.ProtocolError)]
    [InlineData("0B 00", PropertyScope.Publish, ReasonCode.ProtocolError)]
    [InlineData("0B 01 0B 00", PropertyScope.Publish, ReasonCode.ProtocolError)]
    [InlineData("0B 80 00", PropertyScope.Publish, ReasonCode.MalformedPacket)]
    [InlineData("0B 80 80 80 80 01", PropertyScope.Publish, ReasonCode.MalformedPacket)]
    public void A_number_out_of_its_range_is_refused(string block, PropertyScope scope, ReasonCode reason) =>
        Assert.Equal(reason, PropertyTable.Judge(block, scope).Reason);

    [Fact]
    [Clause("MQTT-3.3.2-8")]
    public void Topic_alias_0_is_refused() =>
        Assert.Equal(ReasonCode.TopicAliasInvalid, PropertyTable.Judge("23 00 00", PropertyScope.Publish).Reason);

    [Theory]
    [Clause("MQTT-3.3.2-14")]
    [InlineData("08 `a/+`")]
    [InlineData("08 `#`")]
    [InlineData("08 `a#`")]
    [InlineData("08 ``")]
    public void A_response_topic_is_a_topic_name(string block)
    {
        Assert.Equal(ReasonCode.ProtocolError, PropertyTable.Judge(block, PropertyScope.Publish).Reason);
        Assert.Equal(ReasonCode.ProtocolError, PropertyTable.Judge(block, PropertyScope.Will).Reason);
    }

    [Fact]
    [Clause("MQTT-1.5.4-1")]
    [Clause("MQTT-1.5.4-2")]
    [Clause("MQTT-1.5.7-1")]
    [Clause("MQTT-3.3.2-13")]
    [Clause("MQTT-3.3.2-19")]
    public void The_text_of_a_property_is_held_to_the_rules_of_text_and_its_binary_is_not()
    {
        foreach (string wrong in new[] { "00", "80", "ED A0 80", "C0 80", "61 FF" })
        {
            byte[] bytes = Bytes.Of(wrong);
            byte[] prefixed = [0, (byte)bytes.Length, .. bytes];
            foreach (PropertyRow row in PropertyTable.Rows)
            {
                PropertyScope scope = PropertyTable.Scopes.First(row.IsAllowed);
                if (row.Kind == "text")
                {
                    Assert.Equal(ReasonCode.MalformedPacket, PropertyTable.Judge([row.Id, .. prefixed], scope).Reason);
                }
                else if (row.Kind == "binary")
                {
                    Assert.True(PropertyTable.Judge([row.Id, .. prefixed], scope).IsNone);
                }
                else if (row.Kind == "pair")
                {
                    Assert.Equal(ReasonCode.MalformedPacket, PropertyTable.Judge([row.Id, .. prefixed, 0, 1, 0x61], scope).Reason);
                    Assert.Equal(ReasonCode.MalformedPacket, PropertyTable.Judge([row.Id, 0, 1, 0x61, .. prefixed], scope).Reason);
                }
            }
        }
    }

    [Fact]
    public void The_walk_ends_at_the_first_violation()
    {
        var reader = new PropertyReader(Bytes.Of("01 00 FF 02 00 00 00 01"), PropertyScope.Publish);
        Assert.True(reader.TryNext(out _));
        Assert.False(reader.TryNext(out _));
        Assert.False(reader.TryNext(out _));
        Assert.Equal(ReasonCode.MalformedPacket, reader.Violation.Reason);
    }

    [Fact]
    public void Empty_text_and_binary_are_values()
    {
        Assert.True(PropertyTable.Judge("03 `` 09 ``", PropertyScope.Publish).IsNone);
        Assert.True(PropertyTable.Judge("26 `` `` 26 `` ``", PropertyScope.SubAck).IsNone);
    }

    [Fact]
    public void Random_blocks_are_judged_in_every_place_without_harm()
    {
        var random = new Random(2222);
        for (int i = 0; i < 20_000; i++)
        {
            var block = new List<byte>();
            for (int j = random.Next(6); j >= 0; j--)
            {
                block.AddRange(Bytes.Of(PropertyTable.Rows[random.Next(27)].Good));
            }

            byte[] bytes = [.. block];
            bytes[random.Next(bytes.Length)] ^= (byte)(1 << random.Next(8));
            foreach (PropertyScope scope in PropertyTable.Scopes)
            {
                _ = PropertyTable.Judge(bytes, scope);
            }

            byte[] kept = new byte[ForwardableProperties.Measure(bytes)];
            Assert.Equal(kept.Length, ForwardableProperties.Write(bytes, kept));
            _ = Describe.Users(bytes);
        }
    }
}
