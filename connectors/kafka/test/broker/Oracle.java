import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * Kafka's own consumer, which says what is committed. Reads lines `BROKERS TOPIC` and answers with a line for each
 * record up to the last stable offset, and one that says END.
 */
public class Oracle {
  public static void main(String[] arguments) throws Exception {
    BufferedReader questions = new BufferedReader(new InputStreamReader(System.in));
    for (String line = questions.readLine(); line != null; line = questions.readLine()) {
      String[] parts = line.split(" ");
      try {
        answer(parts[0], parts[1]);
        System.out.println("END");
      } catch (Exception exception) {
        System.out.println("FAILED " + exception.toString().replace('\n', ' '));
      }
      System.out.flush();
    }
  }

  private static void answer(String brokers, String topic) {
    Properties properties = new Properties();
    properties.put("bootstrap.servers", brokers);
    properties.put("isolation.level", "read_committed");
    properties.put("enable.auto.commit", "false");
    properties.put("key.deserializer", ByteArrayDeserializer.class.getName());
    properties.put("value.deserializer", ByteArrayDeserializer.class.getName());
    try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(properties)) {
      List<TopicPartition> partitions = new ArrayList<>();
      consumer.partitionsFor(topic).forEach(one -> partitions.add(new TopicPartition(topic, one.partition())));
      consumer.assign(partitions);
      consumer.seekToBeginning(partitions);
      Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
      while (ends.entrySet().stream().anyMatch(end -> consumer.position(end.getKey()) < end.getValue())) {
        for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(100))) {
          if (record.offset() < ends.get(new TopicPartition(topic, record.partition()))) print(record);
        }
      }
    }
  }

  private static void print(ConsumerRecord<byte[], byte[]> record) {
    StringBuilder line = new StringBuilder();
    line.append(record.partition()).append(' ').append(record.offset()).append(' ').append(record.timestamp());
    line.append(' ').append(text(record.key())).append(' ').append(text(record.value()));
    for (Header header : record.headers()) line.append(' ').append(header.key()).append('=').append(text(header.value()));
    System.out.println(line);
  }

  private static String text(byte[] bytes) {
    return bytes == null ? "null" : "." + Base64.getEncoder().encodeToString(bytes);
  }
}
